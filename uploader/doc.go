// Package uploader carries the files of a spool directory to an object store and proves that they arrived. It is the core
// of the sidecar: it finds files, sends them in parts, keeps a journal by which a restarted sidecar goes on, and writes a
// manifest last. It knows no store: package s3, azure, gcs and dir each are one.
package uploader
