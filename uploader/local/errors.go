package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"lighterman.dev/lighterman/uploader"
)

// classes says what the errors of a file system mean for a store. The first that matches counts.
var classes = []struct {
	err   error
	class uploader.Class
	cure  string
}{
	{fs.ErrExist, uploader.Exists, ""},
	{fs.ErrNotExist, uploader.NotFound, ""},
	{syscall.ENOSPC, uploader.Transient, "make room in the file share"},
	{syscall.EDQUOT, uploader.Transient, "make room in the file share, or raise its quota"},
	{syscall.EIO, uploader.Transient, ""},
	{syscall.ESTALE, uploader.Transient, ""},
	{fs.ErrPermission, uploader.Denied, "let the sidecar's user write to the file share: look at runAsUser and fsGroup"},
	{syscall.EROFS, uploader.Denied, "mount the file share so that it can be written to"},
	{syscall.ENAMETOOLONG, uploader.Invalid, "give the file a shorter name"},
	{syscall.ENOTDIR, uploader.Invalid, "an object of the store is in the place of a directory: choose another key"},
	{syscall.EISDIR, uploader.Invalid, "a directory of the store is in the place of the object: choose another key"},
}

func classify(err error) error {
	var known *uploader.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	for _, c := range classes {
		if errors.Is(err, c.err) {
			return &uploader.Error{Class: c.class, Cure: c.cure, Err: err}
		}
	}
	return &uploader.Error{Class: uploader.Unknown, Err: err}
}

func invalid(format string, args ...any) error {
	return &uploader.Error{Class: uploader.Invalid, Err: fmt.Errorf(format, args...)}
}
