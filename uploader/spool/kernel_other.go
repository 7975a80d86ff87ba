//go:build !linux

package spool

import (
	"errors"
	"io/fs"
)

// errNotLinux is the error of a sidecar on another system: only Linux has inotify and leases.
var errNotLinux = errors.New("the sidecar runs on Linux: run it there, or in a container")

func stateOf(fs.FileInfo) (State, error) { return State{}, errNotLinux }

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
