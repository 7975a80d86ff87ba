package spool

// Event is what happened.
type Event struct {
	// Path is of a file that was made, linked, closed by its writer, or renamed to this name.
	Path string
	// Closed means that a writer has closed it, or that it was renamed.
	Closed bool
	// Walk asks for a walk instead: events were lost, or a directory came whose files had none.
	Walk bool
}
