// Package identity verifies the tokens that pods bring and signs the ones that they get for them.
//
// A Verifier knows one cluster: it checks a service account token's signature against the cluster's own keys, its issuer and its
// lifetime. Who may come with which audience is for the service to decide that asks. A Signer is a cloud's own authority:
// it knows its tokens again.
package identity
