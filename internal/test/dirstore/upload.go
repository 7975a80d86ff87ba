package dirstore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"strconv"
	"strings"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
)

// An upload is a directory: the key in a file, and each part in one that is named after its number.
const keyFile = "key"

// unready ends the name of a directory that is being made.
const unready = ".unready"

// Begin makes the directory of an upload.
func (s *Store) Begin(_ context.Context, o *objstore.Object) (string, error) {
	if err := checkKey(o.Key); err != nil {
		return "", err
	}
	id := rand.Text()
	if err := s.makeUpload(id, o.Key); err != nil {
		return "", classifyError(fmt.Errorf("begin %s: %w", o.Key, err))
	}
	return id, nil
}

// makeUpload makes the directory with its key in one step: a process may end at any time.
func (s *Store) makeUpload(id, key string) error {
	made := path.Join(uploads, id+unready)
	if err := s.root.Mkdir(made, 0o755); err != nil {
		return err
	}
	if err := s.root.WriteFile(path.Join(made, keyFile), []byte(key), 0o644); err != nil {
		return err
	}
	return s.root.Rename(made, path.Join(uploads, id))
}

// PutPart writes a part.
func (s *Store) PutPart(
	ctx context.Context, o *objstore.Object, id string, number int, body objstore.Body,
) (objstore.Part, error) {
	what := fmt.Sprintf("put part %d of %s", number, o.Key)
	if number < 1 || number > s.limits.MaxParts || body.Size > s.limits.MaxPart {
		return objstore.Part{}, newInvalidError(
			"%s: %d bytes: the store takes %d parts of %d", what, body.Size, s.limits.MaxParts, s.limits.MaxPart,
		)
	}
	if err := s.checkUpload(o, id); err != nil {
		return objstore.Part{}, fmt.Errorf("%s: %w", what, err)
	}
	if s.limits.Sequential {
		if n, err := s.countParts(id); err != nil || n != number-1 {
			return objstore.Part{}, &objstore.Error{
				Class: objstore.NoUpload, Err: fmt.Errorf("%s: %d parts are there: %w", what, n, err),
			}
		}
	}
	written := path.Join(uploads, id, rand.Text()+".writing")
	defer s.root.Remove(written)
	sum, err := s.writeFile(ctx, written, body, nil)
	if err != nil {
		return objstore.Part{}, fmt.Errorf("%s: %w", what, err)
	}
	if err := s.root.Rename(written, partFile(id, number)); err != nil {
		return objstore.Part{}, classifyError(fmt.Errorf("%s: %w", what, err))
	}
	return objstore.Part{Number: number, Size: body.Size, Sum: sum}, nil
}

// countParts returns how many parts an upload has.
func (s *Store) countParts(id string) (int, error) {
	n := 0
	for ; ; n++ {
		if _, err := s.root.Stat(partFile(id, n+1)); errors.Is(err, os.ErrNotExist) {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

func partFile(id string, number int) string { return path.Join(uploads, id, strconv.Itoa(number)) }

// checkUpload reports an upload that the store does not have.
func (s *Store) checkUpload(o *objstore.Object, id string) error {
	key, err := s.root.ReadFile(path.Join(uploads, id, keyFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return classifyError(err)
	}
	if err != nil || string(key) != o.Key || strings.Contains(id, "/") {
		return &objstore.Error{Class: objstore.NoUpload, Err: errors.New("the store does not know the upload")}
	}
	return nil
}

// Complete joins the parts, checks what came out, and puts it to its place.
func (s *Store) Complete(
	ctx context.Context, o *objstore.Object, id string, parts []objstore.Part,
) (objstore.Stored, error) {
	what := "complete " + o.Key
	if err := s.checkUpload(o, id); err != nil {
		return objstore.Stored{}, fmt.Errorf("%s: %w", what, err)
	}
	if len(parts) == 0 {
		return objstore.Stored{}, newInvalidError("%s: there is no part", what)
	}
	name := path.Join(uploads, id, rand.Text()+".joining")
	size, err := s.joinParts(ctx, name, id, parts, o.Metadata)
	if err != nil {
		return objstore.Stored{}, fmt.Errorf("%s: %w", what, err)
	}
	stored, err := s.publishFile(name, o, size, checksum.Combine(parts))
	if err != nil {
		s.root.Remove(name)
		return objstore.Stored{}, fmt.Errorf("%s: %w", what, err)
	}
	_ = s.Abort(ctx, o, id) // The object is there. What stays behind is listed by Unfinished.
	return stored, nil
}

func (s *Store) joinParts(
	ctx context.Context, name, id string, parts []objstore.Part, metadata map[string]string,
) (size int64, err error) {
	f, err := s.root.Create(name)
	if err != nil {
		return 0, classifyError(err)
	}
	defer f.Close()
	h := checksum.New(s.limits.Algorithm)
	for i, part := range parts {
		if part.Number != i+1 {
			return 0, &objstore.Error{
				Class: objstore.NoUpload, Err: fmt.Errorf("part %d stands where part %d belongs", part.Number, i+1),
			}
		}
		if part.Size < s.limits.MinPart && i < len(parts)-1 {
			return 0, newInvalidError(
				"part %d is of %d bytes, and only the last may be smaller than %d", part.Number, part.Size, s.limits.MinPart,
			)
		}
		n, err := s.appendPart(ctx, io.MultiWriter(f, h), id, part.Number)
		if err != nil {
			return 0, err
		}
		size += n
	}
	if got, want := checksum.Sum(s.limits.Algorithm, h), checksum.Combine(parts); got != want {
		return 0, &objstore.Error{
			Class: objstore.NoUpload,
			Err:   fmt.Errorf("the parts are not those that were sent: %s, and not %s", got.Value, want.Value),
		}
	}
	setMetadata(f, metadata)
	return size, classifyError(f.Sync())
}

func (s *Store) appendPart(ctx context.Context, to io.Writer, id string, number int) (int64, error) {
	part, err := s.root.Open(partFile(id, number))
	if errors.Is(err, os.ErrNotExist) {
		return 0, &objstore.Error{Class: objstore.NoUpload, Err: fmt.Errorf("part %d was not sent", number)}
	}
	if err != nil {
		return 0, classifyError(err)
	}
	defer part.Close()
	n, err := io.Copy(to, &reader{ctx, part})
	return n, classifyError(err)
}

// Abort removes an upload.
func (s *Store) Abort(_ context.Context, o *objstore.Object, id string) error {
	if id == "" || strings.Contains(id, "/") {
		return newInvalidError("abort %s: %q is no upload", o.Key, id)
	}
	if err := s.root.RemoveAll(path.Join(uploads, id)); err != nil {
		return classifyError(fmt.Errorf("abort %s: %w", o.Key, err))
	}
	return nil
}

// Unfinished lists the directories of uploads.
func (s *Store) Unfinished(_ context.Context, prefix string) iter.Seq2[objstore.Unfinished, error] {
	return func(yield func(objstore.Unfinished, error) bool) {
		d, err := s.root.Open(uploads)
		if err != nil {
			yield(objstore.Unfinished{}, classifyError(err))
			return
		}
		defer d.Close()
		entries, err := d.ReadDir(-1)
		if err != nil {
			yield(objstore.Unfinished{}, classifyError(err))
			return
		}
		for _, entry := range entries {
			key, err := s.root.ReadFile(path.Join(uploads, entry.Name(), keyFile))
			info, infoErr := entry.Info()
			if err != nil || infoErr != nil || strings.HasSuffix(entry.Name(), unready) ||
				!strings.HasPrefix(string(key), prefix) {
				continue // A file that is being put, or an upload that has just ended.
			}
			if !yield(objstore.Unfinished{Key: string(key), ID: entry.Name(), Begun: info.ModTime()}, nil) {
				return
			}
		}
	}
}

// encodeMetadata and decode keep an object's metadata in one extended attribute.
func encodeMetadata(metadata map[string]string) []byte {
	text, err := json.Marshal(metadata)
	if err != nil {
		panic(err) // A map of strings has a text.
	}
	return text
}

func decodeMetadata(text []byte) map[string]string {
	var metadata map[string]string
	if json.Unmarshal(text, &metadata) != nil {
		return nil
	}
	return metadata
}
