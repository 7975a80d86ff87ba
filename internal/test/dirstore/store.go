package dirstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
)

// uploads is the directory in which objects are made. No key begins with it.
const uploads = ".lighterman-uploads"

// Store is a directory.
type Store struct {
	root   *os.Root
	path   string
	limits objstore.Limits
}

var _ objstore.Store = (*Store)(nil)

// Options are for Open.
type Options struct {
	// Limits are those of the store that this one stands for. Nil: parts of any size, as many as Amazon S3 takes.
	Limits *objstore.Limits
}

// Open opens a directory that exists.
func Open(name string, o Options) (*Store, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, &objstore.Error{
			Class: objstore.NoBucket, Err: fmt.Errorf("open the store: %w", err),
		}
	}
	s := &Store{root: root, path: name, limits: objstore.Limits{
		MinPart: 1, MaxPart: 5 << 40, MaxParts: 10_000, MaxPut: 5 << 40, Algorithm: objstore.CRC64NVME,
	}}
	if o.Limits != nil {
		s.limits = *o.Limits
	}
	if err := root.MkdirAll(uploads, 0o755); err != nil {
		return nil, classifyError(fmt.Errorf("open the store: %w", err))
	}
	return s, nil
}

// URL returns the directory as a URL.
func (s *Store) URL() string { return "file://" + s.path }

// Close frees the directory.
func (s *Store) Close() error { return s.root.Close() }

// Limits returns the limits of the store that this one stands for.
func (s *Store) Limits() objstore.Limits { return s.limits }

// Put writes an object.
func (s *Store) Put(ctx context.Context, o *objstore.Object, body objstore.Body) (objstore.Stored, error) {
	if err := checkKey(o.Key); err != nil {
		return objstore.Stored{}, err
	}
	if body.Size > s.limits.MaxPut {
		return objstore.Stored{}, newInvalidError("put %s: %d bytes are more than the store takes at once", o.Key, body.Size)
	}
	name := path.Join(uploads, rand.Text())
	defer s.root.Remove(name)
	sum, err := s.writeFile(ctx, name, body, o.Metadata)
	if err != nil {
		return objstore.Stored{}, fmt.Errorf("put %s: %w", o.Key, err)
	}
	return s.publishFile(name, o, body.Size, sum)
}

// writeFile makes a file of a body, flushed and checked.
func (s *Store) writeFile(
	ctx context.Context, name string, body objstore.Body, metadata map[string]string,
) (objstore.Sum, error) {
	f, err := s.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return objstore.Sum{}, classifyError(err)
	}
	defer f.Close()
	h := checksum.New(s.limits.Algorithm)
	n, err := io.Copy(io.MultiWriter(f, h), &reader{ctx, body.Reader()})
	if err != nil {
		return objstore.Sum{}, classifyError(err)
	}
	sum := checksum.Sum(s.limits.Algorithm, h)
	if n != body.Size || (body.Sum != objstore.Sum{} && body.Sum != sum) {
		return objstore.Sum{}, &objstore.Error{
			Class: objstore.Corrupt, Err: fmt.Errorf(
				"%d bytes of %s came, and not %d of %s", n, sum.Value, body.Size, body.Sum.Value,
			),
		}
	}
	setMetadata(f, metadata)
	return sum, classifyError(f.Sync())
}

// publishFile puts a file that is ready to its place, in one step.
func (s *Store) publishFile(name string, o *objstore.Object, size int64, sum objstore.Sum) (objstore.Stored, error) {
	if err := s.makeParents(path.Dir(o.Key)); err != nil {
		return objstore.Stored{}, classifyError(fmt.Errorf("put %s: %w", o.Key, err))
	}
	to := filepath.FromSlash(o.Key)
	put := s.root.Link // It fails where the object exists.
	if o.Overwrite {
		put = s.root.Rename
	}
	if err := put(name, to); err != nil {
		return objstore.Stored{}, classifyError(fmt.Errorf("put %s: %w", o.Key, err))
	}
	if err := s.syncDirectory(path.Dir(o.Key)); err != nil {
		return objstore.Stored{}, classifyError(fmt.Errorf("put %s: %w", o.Key, err))
	}
	info, err := s.root.Stat(to)
	if err != nil {
		return objstore.Stored{}, classifyError(fmt.Errorf("put %s: %w", o.Key, err))
	}
	return objstore.Stored{Key: o.Key, Size: size, Sum: sum, Metadata: o.Metadata, Modified: info.ModTime()}, nil
}

// makeParents makes the directories of a key, and flushes those that are new: after a crash none may be missing.
func (s *Store) makeParents(dir string) error {
	if dir == "." {
		return nil
	}
	if _, err := s.root.Stat(dir); err == nil {
		return nil
	}
	if err := s.makeParents(path.Dir(dir)); err != nil {
		return err
	}
	if err := s.root.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return s.syncDirectory(path.Dir(dir))
}

func (s *Store) syncDirectory(dir string) error {
	d, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Stat reads the object, so its checksum is that of the bytes that are there now.
func (s *Store) Stat(ctx context.Context, key string) (objstore.Stored, error) {
	f, err := s.openFile(key)
	if err != nil {
		return objstore.Stored{}, fmt.Errorf("stat %s: %w", key, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return objstore.Stored{}, classifyError(fmt.Errorf("stat %s: %w", key, err))
	}
	h := checksum.New(s.limits.Algorithm)
	if _, err := io.Copy(h, &reader{ctx, f}); err != nil {
		return objstore.Stored{}, classifyError(fmt.Errorf("stat %s: %w", key, err))
	}
	return objstore.Stored{
		Key:      key,
		Size:     info.Size(),
		Sum:      checksum.Sum(s.limits.Algorithm, h),
		Metadata: metadataOf(f),
		Modified: info.ModTime(),
	}, nil
}

// Open reads an object. There are no versions.
func (s *Store) Open(_ context.Context, key, version string) (io.ReadCloser, error) {
	f, err := s.openFile(key)
	if err == nil && version != "" {
		f.Close()
		err = &objstore.Error{Class: objstore.NotFound, Err: fmt.Errorf("version %s: a directory keeps no versions", version)}
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", key, err)
	}
	return f, nil
}

func (s *Store) openFile(key string) (*os.File, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	f, err := s.root.Open(filepath.FromSlash(key))
	if err != nil {
		return nil, classifyError(err)
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, &objstore.Error{Class: objstore.NotFound, Err: errors.New("there is no file of that name")}
	}
	return f, nil
}

// Delete removes an object.
func (s *Store) Delete(_ context.Context, key, _ string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if err := s.root.Remove(filepath.FromSlash(key)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return classifyError(fmt.Errorf("delete %s: %w", key, err))
	}
	return nil
}

// checkKey refuses what is no path of a file below the directory.
func checkKey(key string) error {
	if first, _, _ := strings.Cut(key, "/"); !filepath.IsLocal(key) || path.Clean(key) != key || key == "." || first == uploads {
		return newInvalidError(
			"the key %q is no path of a file: set key and prefix so that it has no empty part, no . and no ..", key,
		)
	}
	return nil
}

// reader ends when its context does.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
