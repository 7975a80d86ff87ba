// Package metadata stands in for what a cloud's node serves to its pods at link-local addresses: GKE's metadata server, Azure's
// instance metadata service, alone or behind aad-pod-identity, and the agent of EKS Pod Identity.
//
// As the real ones, the first two know a pod by the address that it comes from and by what the API server says of it, and want the
// header that no browser sends. The agent verifies the token that the pod brings, and exchanges it for a session of the
// role that its service account is associated with, at the S3 store's own token service.
//
// What they do not do: identity tokens, instance attributes beyond what clients look for, the older versions of Amazon's service.
package metadata
