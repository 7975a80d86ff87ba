// Package uploader says what the parts of the uploader share: its configuration, what a store is, the classes of a
// store's errors, and the names of objects. It does no I/O and knows no SDK, so that the injector, which writes the
// configuration, can import it.
//
// The sidecar itself is in the packages below: spool finds files, transfer sends one, journal remembers what was sent,
// manifest says what a run stored, sidecar brings them together, session is the other end of the sidecar's socket, doctor
// says what works; s3, azure, gcs and local each are a store, and storetest is the contract that every store passes.
package uploader
