// Package objstore is the contract between the uploader and an object store: what a Store does, what an Object is, and the Class of an
// error, by which the uploader decides whether to try again. It does no I/O, knows no SDK and no configuration.
package objstore
