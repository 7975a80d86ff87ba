// Package portforward dials ports of pods through the API server, so that a test reaches a server in any cluster that it has a
// kubeconfig for.
//
// Unlike client-go's port forwarder it opens no local port, and every connection stands for itself: a server that resets one, as many
// do after an error response, does not take the others with it.
package portforward
