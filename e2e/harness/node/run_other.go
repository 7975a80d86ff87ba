//go:build !linux

package node

import (
	"context"
	"errors"
)

// Run fails: a node needs Linux.
func Run(context.Context, string, bool) error { return errors.New("run node: a node needs Linux") }
