//go:build !linux

package cgroup

import (
	"errors"
	"os"
)

var errLinux = errors.New("control groups need Linux")

func isUnified(string) (bool, error) { return false, errLinux }

// Open fails: control groups need Linux.
func (h Hierarchy) Open(string) (*os.File, error) { return nil, errLinux }

// Enter fails: control groups need Linux.
func (h Hierarchy) Enter() error { return errLinux }
