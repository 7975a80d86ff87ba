// Package session lets a command end only when its files are durable. "uploader exec" runs the command of a container
// as its child and, when that ends well, asks the sidecar over a socket to finish; the sidecar answers with progress
// and then with a verdict. The package holds both ends of the socket.
package session
