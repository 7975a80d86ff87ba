// Package manifest describes what a run has stored, and verifies a stored run.
//
// The manifest is an object in JSON that lists each file with its key, size and checksums. The sidecar writes it behind
// the files that it lists, so it never lists a file that is not durable. A backup is what a final manifest lists.
package manifest
