package gcs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// session is what this process knows of a resumable upload.
type session struct {
	mu sync.Mutex
	// have is how many bytes the store has; next is where the next part begins.
	have, next int64
	// sure is false after an error and after a restart: then the store is asked.
	sure bool
	// gone: this process gave it up.
	gone bool
	// tail is what the last part has beyond a multiple of align.
	tail []byte
}

// session finds one; it is not sure of what another process began.
func (s *Store) session(id string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.sessions[id]
	if !ok {
		found = &session{next: -1}
		s.sessions[id] = found
	}
	return found
}

// replace puts another session in the place of one that is over; nil: none.
func (s *Store) replace(id string, e *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e == nil {
		delete(s.sessions, id)
		return
	}
	s.sessions[id] = e
}

// Begin starts a session. Its URL is the ID.
func (s *Store) Begin(ctx context.Context, o *objstore.Object) (string, error) {
	meta, query, err := properties(o)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(meta)
	if err != nil {
		return "", err
	}
	query.Set("uploadType", "resumable")
	query.Set("name", o.Key)
	answer, err := s.do(ctx, request{
		method: http.MethodPost, url: s.uploads, query: query, body: bytes.NewReader(text), length: int64(len(text)),
		header: map[string]string{"Content-Type": "application/json; charset=UTF-8", "X-Upload-Content-Type": contentType(meta)},
	})
	if err != nil {
		return "", s.newFault(ctx, "begin to upload", o.Key, err)
	}
	defer answer.Body.Close() //nolint:errcheck // What it says is in a header.
	id := answer.Header.Get("Location")
	if id == "" {
		return "", &objstore.Error{Class: objstore.Unknown, Err: fmt.Errorf("begin to upload %s: the answer has no Location", o.Key)}
	}
	found := s.session(id)
	found.sure, found.next = true, 0
	return id, nil
}

// PutPart sends a part. Where a restarted process goes on, body.Offset must be the part's place in the object.
func (s *Store) PutPart(ctx context.Context, o *objstore.Object, id string, number int, body objstore.Body) (objstore.Part, error) {
	part, err := s.session(id).put(ctx, s, id, body)
	part.Number = number
	return part, s.sessionFault(ctx, "upload a part of", o.Key, err)
}

func (e *session) put(ctx context.Context, s *Store, id string, body objstore.Body) (objstore.Part, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.next < 0 {
		e.next = body.Offset
	}
	if done, err := e.ask(ctx, s, id); err != nil {
		return objstore.Part{}, err
	} else if done != nil {
		done.Body.Close() //nolint:errcheck // Nothing of it is wanted.
		return objstore.Part{}, lost("the upload is complete already")
	}
	end := e.next + body.Size
	aligned := end / align * align
	if e.have < e.next || e.have > end {
		return objstore.Part{}, lost(fmt.Sprintf("the store has %d bytes, and the part begins at %d", e.have, e.next))
	}
	// What the store has of the part already goes into its checksum all the same.
	hash := checksum.New(objstore.CRC32C)
	skip := e.have - e.next
	if err := transport.Sum(objstore.Body{ReaderAt: body, Offset: body.Offset, Size: skip}, hash); err != nil {
		return objstore.Part{}, err
	}
	rest := transport.Body(objstore.Body{ReaderAt: body, Offset: body.Offset + skip, Size: body.Size - skip}, hash)
	if e.have < aligned {
		if err := e.send(ctx, s, id, rest, aligned); err != nil {
			return objstore.Part{}, err
		}
	}
	tail, err := io.ReadAll(rest)
	if err != nil {
		return objstore.Part{}, err
	}
	sum := checksum.Sum(objstore.CRC32C, hash)
	if body.Sum != (objstore.Sum{}) && body.Sum != sum {
		return objstore.Part{}, &objstore.Error{Class: objstore.Corrupt, Err: errors.New("the file has other bytes than it had")}
	}
	e.tail, e.next = tail, end
	return objstore.Part{Size: body.Size, Sum: sum}, nil
}

// send sends bytes up to a multiple of align. The store may take fewer; the next attempt goes on from there.
func (e *session) send(ctx context.Context, s *Store, id string, from io.Reader, to int64) error {
	e.sure = false
	length := to - e.have
	answer, err := s.do(ctx, request{
		method: http.MethodPut, url: id, body: io.LimitReader(from, length), length: length,
		header: map[string]string{"Content-Range": fmt.Sprintf("bytes %d-%d/*", e.have, to-1)},
	})
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // What it says is in headers.
	have, err := persisted(answer)
	if err != nil {
		return err
	}
	if have != to {
		return &objstore.Error{Class: objstore.Transient, Err: fmt.Errorf("the store took the bytes up to %d of %d", have, to)}
	}
	e.have, e.sure = have, true
	return nil
}

// ask asks the session how far it has come, unless that is known. A session that is complete gives its answer.
func (e *session) ask(ctx context.Context, s *Store, id string) (*http.Response, error) {
	if e.gone {
		return nil, lost("the upload was given up")
	}
	if e.sure {
		return nil, nil //nolint:nilnil // Nothing was asked.
	}
	answer, err := s.do(ctx, request{method: http.MethodPut, url: id, header: map[string]string{"Content-Range": "bytes */*"}})
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusPermanentRedirect {
		return answer, nil
	}
	defer answer.Body.Close() //nolint:errcheck // What it says is in headers.
	e.have, err = persisted(answer)
	e.sure = err == nil
	return nil, err
}

// persisted is how many bytes the store has: "Range: bytes=0-262143", and no Range for none.
func persisted(answer *http.Response) (int64, error) {
	if answer.StatusCode != http.StatusPermanentRedirect {
		return 0, fmt.Errorf("the upload's session answers %s in the middle of it", answer.Status)
	}
	value := answer.Header.Get("Range")
	if value == "" {
		return 0, nil
	}
	last, err := strconv.ParseInt(strings.TrimPrefix(value, "bytes=0-"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("the upload's session answers with the range %q", value)
	}
	return last + 1, nil
}

func lost(text string) error { return &objstore.Error{Class: objstore.NoUpload, Err: errors.New(text)} }

// Complete sends the last bytes, and with them the checksum of the whole.
func (s *Store) Complete(ctx context.Context, o *objstore.Object, id string, parts []objstore.Part) (objstore.Stored, error) {
	var size int64
	for _, part := range parts {
		size += part.Size
	}
	sum := checksum.Combine(parts)
	answer, err := s.session(id).finish(ctx, s, id, size, sum)
	if err != nil {
		return s.completed(ctx, o.Key, size, sum, s.sessionFault(ctx, "complete the upload of", o.Key, err))
	}
	done, err := stored(ctx, o.Key, answer)
	if err != nil {
		return objstore.Stored{}, s.sessionFault(ctx, "complete the upload of", o.Key, err)
	}
	s.replace(id, nil)
	return s.confirm(ctx, done, size, sum)
}

func (e *session) finish(ctx context.Context, s *Store, id string, size int64, sum objstore.Sum) (*http.Response, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if done, err := e.ask(ctx, s, id); err != nil || done != nil {
		return done, err
	}
	if e.have+int64(len(e.tail)) != size {
		return nil, lost(fmt.Sprintf("the store has %d of %d bytes, and the rest was lost with a restart", e.have, size))
	}
	place := fmt.Sprintf("bytes */%d", size)
	if len(e.tail) > 0 {
		place = fmt.Sprintf("bytes %d-%d/%d", e.have, size-1, size)
	}
	e.sure = false
	answer, err := s.do(ctx, request{
		method: http.MethodPut, url: id, body: bytes.NewReader(e.tail), length: int64(len(e.tail)),
		header: map[string]string{"Content-Range": place, "X-Goog-Hash": "crc32c=" + sum.Value},
	})
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusPermanentRedirect {
		answer.Body.Close() //nolint:errcheck // What it says is in headers.
		return nil, &objstore.Error{Class: objstore.Transient, Err: errors.New("the store did not take the last bytes")}
	}
	return answer, nil
}

// completed finds out whether a session that the store knows no more was completed by a request whose answer was lost.
func (s *Store) completed(ctx context.Context, key string, size int64, sum objstore.Sum, err error) (objstore.Stored, error) {
	if objstore.ClassOf(err) != objstore.NoUpload {
		return objstore.Stored{}, err
	}
	got, serr := s.Stat(ctx, key)
	if serr != nil || got.Size != size || got.Sum != sum {
		return objstore.Stored{}, err
	}
	return got, nil
}

// Abort ends a session. Google answers with a status of its own, 499.
func (s *Store) Abort(ctx context.Context, o *objstore.Object, id string) error {
	s.replace(id, &session{gone: true})
	answer, err := s.do(ctx, request{method: http.MethodDelete, url: id})
	if err == nil {
		return answer.Body.Close()
	}
	err = s.sessionFault(ctx, "abort the upload of", o.Key, err)
	if objstore.ClassOf(err) == objstore.NoUpload || statusOf(err) == statusCancelled {
		return nil
	}
	return err
}

// Unfinished is empty: Google lists no sessions, and ends each a week after it was begun.
func (*Store) Unfinished(context.Context, string) iter.Seq2[objstore.Unfinished, error] {
	return func(func(objstore.Unfinished, error) bool) {}
}
