// Package crdrules evaluates the schemas and CEL rules of Lighterman's custom resource definitions without an API server, with
// Kubernetes' own library. A profile from a file is refused for what `kubectl apply` would be refused for, in the same words.
//
// "lighterman inject" uses it. The webhook does not: the API server has evaluated the rules before the webhook sees a profile.
package crdrules
