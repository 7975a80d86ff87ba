// Package sidecar is the life of the uploader in one pod, which is called a run.
//
// A run begins with the preflight: it writes an object, reads it back and deletes it, so that a wrong role or endpoint
// shows before the backup begins. Then the sidecar watches the spool, the directory into which the pod's containers
// write their files, and uploads each file that its writer has closed. A file is durable when the store has confirmed
// its object; the journal remembers it. The manifest, an object that lists the durable files, is written behind them.
//
// A run ends with the drain: when the pod ends, the sidecar uploads what is left in the spool and writes the final
// manifest. A wrapped command does not wait for the drain: when it has ended, it asks for the same over the socket of
// package session and waits for the verdict.
//
// One goroutine, the loop, decides: it owns all state of type loop. Uploads, the watch and the socket run in goroutines
// of their own. They have a *sidecar, not a *loop; what is to be decided they post to the loop as a function. The loop
// reads the spool, but does not wait for the store until it aborts uploads in the end.
package sidecar
