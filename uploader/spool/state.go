package spool

import (
	"errors"
	"time"
)

// State identifies the content of a file: while it stays the same, so do the bytes. See UntilSettled.
type State struct {
	Device uint64 `json:"device"`
	Inode  uint64 `json:"inode"`
	Size   int64  `json:"size"`
	// Modified and Changed are in nanoseconds since 1970. A writer can set back Modified, but not Changed.
	Modified int64 `json:"modified"`
	Changed  int64 `json:"changed"`
}

// SameFile reports whether both states are of one file, whatever its content.
func (s State) SameFile(o State) bool { return s.Device == o.Device && s.Inode == o.Inode }

// SameContent reports whether both states are of one file with the same content, which may have been renamed between:
// that changes Changed.
func (s State) SameContent(o State) bool {
	return s.SameFile(o) && s.Size == o.Size && s.Modified == o.Modified
}

// clockStep is longer than the step in which Linux counts the times of files: a jiffy, of 10 ms at most.
const clockStep = 20 * time.Millisecond

// UntilSettled returns how long a file must stay unchanged before each later change shows in its State: two changes
// within one step of the file system's clock have the same time. A time in whole seconds is taken for that of a file
// system that counts whole seconds.
func (s State) UntilSettled(now time.Time) time.Duration {
	step := clockStep
	if s.Changed%int64(time.Second) == 0 {
		step = 2 * time.Second
	}
	// The clock may be set back: then Changed lies in the future, and waiting would not help.
	return min(step, max(0, step-now.Sub(time.Unix(0, s.Changed))))
}

// Entry is an entry of the spool that a walk finds.
type Entry struct {
	Path string
	// State and Owner are of a regular file, and zero where Err is set.
	State State
	Owner Owner
	// Err is ErrNotRegular, or the error of reading the directory.
	Err error
}

// Owner is who owns a file.
type Owner struct{ User, Group uint32 }

// ErrNotRegular is the error of what is no regular file: a link, a pipe, a socket, a device.
var ErrNotRegular = errors.New("not a regular file")

// ErrReplaced is the error of a file whose path another file has taken.
var ErrReplaced = errors.New("another file has taken its place")

// ErrHasWriters is the error of removing a file that is open for writing.
var ErrHasWriters = errors.New("it is open for writing")

// ErrWritersUnknown is the error of removing a file of which cannot be known whether it is open for writing, while the
// containers run.
var ErrWritersUnknown = errors.New("whether it is open for writing cannot be known")
