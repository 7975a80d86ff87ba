package spool

// Event is an event of the watch.
type Event struct {
	// Path is that of a file that was created, linked, closed by its writer, or renamed to it.
	Path string
	// Closed means that a writer has closed the file, or that it was renamed.
	Closed bool
	// Walk means that events are missing, and Path is empty: the queue has overflowed, or a directory was created whose
	// files may have had none.
	Walk bool
}
