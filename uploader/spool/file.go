package spool

import (
	"fmt"
	"os"
)

// File is a file of the spool, open for reading.
type File struct {
	*os.File

	// Path is the one that it was opened at.
	Path string
}

// State returns the state of the open file, which may have been renamed or removed since.
func (f *File) State() (State, error) {
	info, err := f.Stat()
	if err != nil {
		return State{}, fmt.Errorf("look at %q: %w", f.Path, err)
	}
	return stateOf(info)
}

// Writers is whether a file is open for writing.
type Writers int

const (
	// WritersUnknown means that the file system or the owner of the file does not permit to find out.
	WritersUnknown Writers = iota
	// NoWriters means that no process of the node, in any container, has the file open for writing.
	NoWriters
	// HasWriters means that a process has.
	HasWriters
)
