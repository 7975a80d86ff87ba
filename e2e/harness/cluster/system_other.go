//go:build !linux

package cluster

import (
	"errors"
	"os"
	"syscall"
	"time"
)

// These are never reached: CanRun has said that a local cluster needs Linux.

func isOverlay(string) bool { return false }

func ownNamespaces(*os.File) *syscall.SysProcAttr { return nil }

func (p process) kill(time.Duration) error {
	return errors.New("end the node: a local cluster needs Linux")
}
