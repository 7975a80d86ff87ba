// Package journal remembers what a run has uploaded, so that a sidecar that was killed continues where it was.
//
// The journal is a file of JSON lines to which lines are only added. It is a cache: a sidecar that has lost lines of it
// sends files again, or finds them in the store or in the manifest.
package journal
