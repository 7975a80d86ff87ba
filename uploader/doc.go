// Package uploader holds the configuration of the upload sidecar: which files it uploads, under which keys, to which Location and
// by which AuthMode. It does no I/O and knows no SDK, so that the injector, which writes the configuration, can import it.
//
// The sidecar itself is in the packages below: objstore is the contract of a store, with the classes of its errors; s3, azure and
// gcs each are a store, and storetest is the test that every store passes; spool finds files, transfer uploads one, journal
// remembers what was uploaded, manifest describes what a run stored, sidecar brings them together, session is the other end of the
// sidecar's socket, doctor diagnoses a pod's access to its store.
package uploader
