// Package journal remembers what a run has sent, so that a sidecar that was killed goes on where it was. It is a file
// of JSON lines that only grows. Losing its end loses work, never data: what it does not know is sent again, or found
// in the store.
package journal
