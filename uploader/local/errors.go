package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"lighterman.dev/lighterman/uploader/objstore"
)

// classes says what the errors of a file system mean for a store. The first that matches counts.
var classes = []struct {
	err   error
	class objstore.Class
	cure  string
}{
	{fs.ErrExist, objstore.Exists, ""},
	{fs.ErrNotExist, objstore.NotFound, ""},
	{syscall.ENOSPC, objstore.Transient, "make room in the file share"},
	{syscall.EDQUOT, objstore.Transient, "make room in the file share, or raise its quota"},
	{syscall.EIO, objstore.Transient, ""},
	{syscall.ESTALE, objstore.Transient, ""},
	{fs.ErrPermission, objstore.Denied, "let the sidecar's user write to the file share: look at runAsUser and fsGroup"},
	{syscall.EROFS, objstore.Denied, "mount the file share so that it can be written to"},
	{syscall.ENAMETOOLONG, objstore.Invalid, "give the file a shorter name"},
	{syscall.ENOTDIR, objstore.Invalid, "an object of the store is in the place of a directory: choose another key"},
	{syscall.EISDIR, objstore.Invalid, "a directory of the store is in the place of the object: choose another key"},
}

func classify(err error) error {
	var known *objstore.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	for _, c := range classes {
		if errors.Is(err, c.err) {
			return &objstore.Error{Class: c.class, Cure: c.cure, Err: err}
		}
	}
	return &objstore.Error{Class: objstore.Unknown, Err: err}
}

func invalid(format string, args ...any) error {
	return &objstore.Error{Class: objstore.Invalid, Err: fmt.Errorf(format, args...)}
}
