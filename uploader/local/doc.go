// Package local is a store in a directory: a mounted file share, or the model that the tests of the core run against. An
// object is a file at its key, written beside its place, flushed, and put there in one step. It needs a file system
// with hard links; metadata is kept where the file system has extended attributes.
package local
