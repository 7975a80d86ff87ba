// Package store runs a real S3 store with its own identity service in a cluster, for tests that put objects.
//
// The store is versitygw as one pod in the namespace object-store: one container serves S3, the other IAM and STS, over TLS with a
// certificate of a private authority. The identity service verifies service account tokens against the cluster's own
// issuer, as AWS does for EKS: so a pod gets a role with nothing but its token. Objects live as long as the pod.
//
// Tests reach it from outside through a port-forward, which works on any cluster. Pods use the in-cluster URLs.
package store
