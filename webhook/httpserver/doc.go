// Package httpserver serves reviews on a port that every pod of the cluster can reach: time, memory and connections are
// bounded for each client, before and after it is authenticated.
//
// It is controller-runtime's webhook server with another Start: that one sets no deadline for a body, takes any number of
// connections and lets HTTP/2 clients open 250 streams on each (sigs.k8s.io/controller-runtime v0.25
// pkg/internal/httpserver/server.go). The API server calls webhooks by HTTP/1.1 alone (k8s.io/apiserver v0.37
// pkg/util/webhook/client.go), so this one speaks nothing else: HTTP/2's own attacks (rapid reset, many streams, floods of
// settings and continuations) find no HTTP/2.
package httpserver
