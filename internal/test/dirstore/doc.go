// Package dirstore is a store in a directory, which the tests of the uploader use in place of a bucket: it keeps the contract, with
// the limits of any store, and outlives the processes that write to it. An object is a file at its key, written beside its
// place, flushed, and put there in one step. Metadata is kept where the file system has extended attributes.
package dirstore
