// Package session connects a wrapped command with the sidecar, so that the command ends only when its files are
// durable.
//
// With completion Wrap, "uploader exec" runs the command of a container as its child and holds a session: a connection
// to the sidecar's socket for as long as the command runs. When the command has ended with 0, exec asks the sidecar to
// store all files; the sidecar answers with progress and, in the end, with a verdict. When the command failed, exec
// reports that until the sidecar has recorded it. When the session is lost, the container was killed. Each time that
// the container runs its command is an attempt, with a session of its own.
//
// Each wrapped container has a socket of its own, in a directory that is mounted in this container alone: what arrives
// there speaks for it, whatever the request says. The sidecar's own socket then answers whether it is ready, and
// nothing else. Where no wrapped container is named, each may use the sidecar's own socket.
//
// Where the command's standard output is the backup, exec passes the read end of its pipe with the request that begins
// the session, and starts the command when the sidecar holds it. The sidecar stores the output only if its end was read
// and the command of that very session has ended with 0.
//
// The package holds both ends of the sockets. Requests and answers are lines of JSON. Their format is fixed: a
// sidecar that Kubernetes has restarted may be of another version than the exec that runs.
package session
