// Package transport is what the stores have in common: an HTTP client that trusts the profile's authorities and notices a
// connection that hangs, bodies with checksums, and the class of an error that comes from the network and not from a store.
package transport
