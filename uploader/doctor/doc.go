// Package doctor makes the checks of the sidecar's preflight step by step, for people: each step reports what it found, or
// what is wrong and what to do.
package doctor
