//go:build !linux

package session

import (
	"errors"
	"os"
)

// enlargePipe does nothing: the sizes of pipes are of Linux.
func enlargePipe(*os.File, int) {}

// accessMode returns an error: the sidecar runs on Linux.
func accessMode(int) (int, error) { return 0, errors.ErrUnsupported }
