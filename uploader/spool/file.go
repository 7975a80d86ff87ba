package spool

import "os"

// File is a file of the spool, open for reading.
type File struct {
	*os.File

	// Path is the one that it was opened at.
	Path string
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
