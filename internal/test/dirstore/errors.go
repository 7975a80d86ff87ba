package dirstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"lighterman.dev/lighterman/uploader/objstore"
)

// classes maps the errors of a file system to classes. The first match applies.
var classes = []struct {
	err   error
	class objstore.Class
}{
	{fs.ErrExist, objstore.Exists},
	{fs.ErrNotExist, objstore.NotFound},
	{syscall.ENOSPC, objstore.Transient},
	{syscall.EDQUOT, objstore.Transient},
	{syscall.EIO, objstore.Transient},
	{syscall.ESTALE, objstore.Transient},
	{fs.ErrPermission, objstore.Denied},
	{syscall.EROFS, objstore.Denied},
	{syscall.ENAMETOOLONG, objstore.Invalid},
	{syscall.ENOTDIR, objstore.Invalid},
	{syscall.EISDIR, objstore.Invalid},
}

func classifyError(err error) error {
	var known *objstore.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) ||
		errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	for _, c := range classes {
		if errors.Is(err, c.err) {
			return &objstore.Error{Class: c.class, Err: err}
		}
	}
	return &objstore.Error{Class: objstore.Unknown, Err: err}
}

func newInvalidError(format string, args ...any) error {
	return &objstore.Error{Class: objstore.Invalid, Err: fmt.Errorf(format, args...)}
}
