// Package manifest says what a run has stored: the document that is written behind all files, and the check of a stored
// run against it.
package manifest
