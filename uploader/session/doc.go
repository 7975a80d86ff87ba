// Package session connects a wrapped command with the sidecar, so that the command ends only when its files are
// durable.
//
// With completion Wrap, "uploader exec" runs the command of a container as its child and holds a session: a connection
// to the sidecar's socket for as long as the command runs. When the command has ended with 0, exec asks the sidecar to
// store all files; the sidecar answers with progress and, in the end, with a verdict. When the command failed, or the
// session is lost because the container was killed, the sidecar writes no final manifest.
//
// The package holds both ends of the socket. Requests and answers are lines of JSON. Their format is fixed: a
// sidecar that Kubernetes has restarted may be of another version than the exec that runs.
package session
