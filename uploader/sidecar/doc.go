// Package sidecar is the run of one pod: it proves that the store can be written, watches the spool, sends what is
// complete, writes the manifest, and says in the end whether everything is durable.
package sidecar
