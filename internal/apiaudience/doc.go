// Package apiaudience finds the audiences of the API server, which no profile may name: a token for one of them would let its
// reader call the API server as the pod's service account.
package apiaudience
