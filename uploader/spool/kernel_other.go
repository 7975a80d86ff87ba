//go:build !linux

package spool

import (
	"errors"
	"io/fs"
)

// errNotLinux is the error of a sidecar on a workstation: what it needs of the kernel (inotify, leases) Linux alone
// has.
var errNotLinux = errors.New("the sidecar runs on Linux: run it there, or in a container")

func stateOf(fs.FileInfo) (State, error) { return State{}, errNotLinux }

// Removed is false where nobody can say it.
func (*File) Removed() bool { return false }

// Writers is WritersUnknown where nobody can say it.
func (*File) Writers() Writers { return WritersUnknown }

// DropCache does nothing.
func (*File) DropCache(_, _ int64) {}

// Watcher tells what happens in the spool, on Linux.
type Watcher struct{}

// Watch is an error.
func (*Spool) Watch() (*Watcher, error) { return nil, errNotLinux }

// Close does nothing.
func (*Watcher) Close() error { return nil }

// Run is an error.
func (*Watcher) Run(func(Event)) error { return errNotLinux }
