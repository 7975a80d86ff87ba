package spool

import (
	"fmt"
	"os"
)

// File is a file of the spool, open for reading.
type File struct {
	*os.File

	// Path is where it was opened.
	Path string
}

// State is that of the open file, which may have been renamed or removed since.
func (f *File) State() (State, error) {
	info, err := f.Stat()
	if err != nil {
		return State{}, fmt.Errorf("look at %q: %w", f.Path, err)
	}
	return stateOf(info)
}

// Writers says who has a file open for writing.
type Writers int

const (
	// WritersUnknown means that the file system, or the owner of the file, does not let us know.
	WritersUnknown Writers = iota
	// NoWriters means that nobody has the file open for writing, in any container of the node.
	NoWriters
	// HasWriters means that somebody has.
	HasWriters
)
