//go:build !linux

package spool

import (
	"errors"
	"iter"
)

// errNotLinux is the error of a sidecar on another system: only Linux has inotify and leases.
var errNotLinux = errors.New("the sidecar runs on Linux: run it there, or in a container")

// Spool is a directory whose files are uploaded, on Linux.
type Spool struct {
	Enters     func(dir string) bool
	ReportKept func(name, kept string)
}

// Open returns an error: it needs Linux.
func Open(string) (*Spool, error) { return nil, errNotLinux }

// Close does nothing.
func (*Spool) Close() error { return nil }

// Stat returns an error: it needs Linux.
func (*Spool) Stat(string) (State, error) { return State{}, errNotLinux }

// Open returns an error: it needs Linux.
func (*Spool) Open(string) (*File, error) { return nil, errNotLinux }

// Capacity returns an error: it needs Linux.
func (*Spool) Capacity() (int64, error) { return 0, errNotLinux }

// HasNodeClock returns an error: it needs Linux.
func (*Spool) HasNodeClock() (bool, error) { return false, errNotLinux }

// Walk returns nothing: it needs Linux.
func (*Spool) Walk(string) iter.Seq[Entry] { return func(func(Entry) bool) {} }

// SetAside returns an error: it needs Linux.
func (*Spool) SetAside(string, State, bool) (*Aside, error) { return nil, errNotLinux }

// WhyUnknown returns that only Linux tells.
func (*Spool) WhyUnknown(uint32) *Unknown { return &Unknown{Reason: errNotLinux.Error()} }

// Owner returns an error: it needs Linux.
func (*Spool) Owner() (Owner, error) { return Owner{}, errNotLinux }

// Unknown is why the kernel does not say whether a file is open for writing.
type Unknown struct{ Reason, Cure string }

// Aside is a file that was moved aside, on Linux.
type Aside struct{ Path string }

// Remove returns an error: it needs Linux.
func (*Aside) Remove(bool) error { return errNotLinux }

// PutBack returns an error: it needs Linux.
func (*Aside) PutBack() error { return errNotLinux }

// State returns an error: it needs Linux.
func (*File) State() (State, error) { return State{}, errNotLinux }

// Owner returns false: it needs Linux.
func (*File) Owner() (Owner, bool) { return Owner{}, false }

// Removed returns false: it needs Linux.
func (*File) Removed() bool { return false }

// Writers returns WritersUnknown: it needs Linux.
func (*File) Writers() Writers { return WritersUnknown }

// DropCache does nothing.
func (*File) DropCache(_, _ int64) {}

// Watcher reports events of the spool, on Linux.
type Watcher struct{}

// Watch returns an error: it needs Linux.
func (*Spool) Watch() (*Watcher, error) { return nil, errNotLinux }

// Close does nothing.
func (*Watcher) Close() error { return nil }

// Run returns an error: it needs Linux.
func (*Watcher) Run(func(Event)) error { return errNotLinux }
