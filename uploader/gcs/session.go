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

// session is the state of a resumable upload in this process.
type session struct {
	mu sync.Mutex
	// received is how many bytes the store has; next is where the next part begins.
	received, nextOffset int64
	// offsetKnown is false after an error and after a restart: then queryOffset asks the store.
	offsetKnown bool
	// aborted: this process aborted it.
	aborted bool
	// tail is what the last part has beyond a multiple of align.
	tail []byte
}

// findSession returns the session of an ID. It does not know the offset of one that another process began.
func (s *Store) findSession(id string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.sessions[id]
	if !ok {
		found = &session{nextOffset: -1}
		s.sessions[id] = found
	}
	return found
}

// replaceSession puts another session in the place of one that has ended; nil: none.
func (s *Store) replaceSession(id string, e *session) {
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
	meta, query, err := newProperties(o)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(meta)
	if err != nil {
		return "", err
	}
	query.Set("uploadType", "resumable")
	query.Set("name", o.Key)
	answer, err := s.sendRequest(ctx, request{
		method: http.MethodPost,
		url:    s.uploadsURL,
		query:  query,
		body:   bytes.NewReader(text),
		length: int64(len(text)),
		header: map[string]string{
			"Content-Type":          "application/json; charset=UTF-8",
			"X-Upload-Content-Type": contentType(meta),
		},
	})
	if err != nil {
		return "", s.wrapCreateError(ctx, "begin to upload", o.Key, err)
	}
	defer answer.Body.Close()
	id := answer.Header.Get("Location")
	if id == "" {
		return "", &objstore.Error{
			Class: objstore.Unknown, Err: fmt.Errorf("begin to upload %s: the answer has no Location", o.Key),
		}
	}
	found := s.findSession(id)
	found.offsetKnown, found.nextOffset = true, 0
	return id, nil
}

// PutPart sends a part. Where a restarted process goes on, body.Offset must be the part's place in the object.
func (s *Store) PutPart(
	ctx context.Context, o *objstore.Object, id string, number int, body objstore.Body,
) (objstore.Part, error) {
	part, err := s.findSession(id).putPart(ctx, s, id, body)
	part.Number = number
	return part, s.wrapSessionError(ctx, "upload a part of", o.Key, err)
}

func (e *session) putPart(ctx context.Context, s *Store, id string, body objstore.Body) (objstore.Part, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.nextOffset < 0 {
		e.nextOffset = body.Offset
	}
	if done, err := e.queryOffset(ctx, s, id); err != nil {
		return objstore.Part{}, err
	} else if done != nil {
		done.Body.Close()
		return objstore.Part{}, newLostError("the upload is complete already")
	}
	end := e.nextOffset + body.Size
	aligned := end / align * align
	if e.received < e.nextOffset || e.received > end {
		return objstore.Part{}, newLostError(
			fmt.Sprintf("the store has %d bytes, and the part begins at %d", e.received, e.nextOffset),
		)
	}
	// What the store has of the part already goes into its checksum all the same.
	hash := checksum.New(objstore.CRC32C)
	skip := e.received - e.nextOffset
	if err := transport.HashBody(objstore.Body{ReaderAt: body, Offset: body.Offset, Size: skip}, hash); err != nil {
		return objstore.Part{}, err
	}
	rest := transport.NewBodyReader(
		objstore.Body{ReaderAt: body, Offset: body.Offset + skip, Size: body.Size - skip}, hash,
	)
	if e.received < aligned {
		if err := e.sendAligned(ctx, s, id, rest, aligned); err != nil {
			return objstore.Part{}, err
		}
	}
	tail, err := io.ReadAll(rest)
	if err != nil {
		return objstore.Part{}, err
	}
	sum := checksum.Sum(objstore.CRC32C, hash)
	if body.Sum != (objstore.Sum{}) && body.Sum != sum {
		return objstore.Part{}, &objstore.Error{
			Class: objstore.Corrupt, Err: errors.New("the file has other bytes than it had"),
		}
	}
	e.tail, e.nextOffset = tail, end
	return objstore.Part{Size: body.Size, Sum: sum}, nil
}

// sendAligned sends bytes up to a multiple of align. The store may take fewer; the next attempt goes on from there.
func (e *session) sendAligned(ctx context.Context, s *Store, id string, from io.Reader, to int64) error {
	e.offsetKnown = false
	length := to - e.received
	answer, err := s.sendRequest(ctx, request{
		method: http.MethodPut, url: id, body: io.LimitReader(from, length), length: length,
		header: map[string]string{"Content-Range": fmt.Sprintf("bytes %d-%d/*", e.received, to-1)},
	})
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	have, err := persistedBytes(answer)
	if err != nil {
		return err
	}
	if have != to {
		return &objstore.Error{
			Class: objstore.Transient, Err: fmt.Errorf("the store took the bytes up to %d of %d", have, to),
		}
	}
	e.received, e.offsetKnown = have, true
	return nil
}

// queryOffset asks the session how many bytes it has, unless that is known. It returns the answer of a session that is complete.
func (e *session) queryOffset(ctx context.Context, s *Store, id string) (*http.Response, error) {
	if e.aborted {
		return nil, newLostError("the upload was given up")
	}
	if e.offsetKnown {
		return nil, nil // Nothing was asked.
	}
	answer, err := s.sendRequest(
		ctx, request{method: http.MethodPut, url: id, header: map[string]string{"Content-Range": "bytes */*"}},
	)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusPermanentRedirect {
		return answer, nil
	}
	defer answer.Body.Close()
	e.received, err = persistedBytes(answer)
	e.offsetKnown = err == nil
	return nil, err
}

// persistedBytes returns how many bytes the store has: "Range: bytes=0-262143", and no Range for none.
func persistedBytes(answer *http.Response) (int64, error) {
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

func newLostError(text string) error {
	return &objstore.Error{Class: objstore.NoUpload, Err: errors.New(text)}
}

// Complete sends the last bytes, and with them the checksum of the whole.
func (s *Store) Complete(
	ctx context.Context, o *objstore.Object, id string, parts []objstore.Part,
) (objstore.Stored, error) {
	var size int64
	for _, part := range parts {
		size += part.Size
	}
	sum := checksum.Combine(parts)
	answer, err := s.findSession(id).sendLastBytes(ctx, s, id, size, sum)
	if err != nil {
		return s.adoptCompleted(ctx, o.Key, size, sum, s.wrapSessionError(ctx, "complete the upload of", o.Key, err))
	}
	done, err := readStored(ctx, o.Key, answer)
	if err != nil {
		return objstore.Stored{}, s.wrapSessionError(ctx, "complete the upload of", o.Key, err)
	}
	s.replaceSession(id, nil)
	return s.verifyObject(ctx, done, size, sum)
}

func (e *session) sendLastBytes(
	ctx context.Context, s *Store, id string, size int64, sum objstore.Sum,
) (*http.Response, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if done, err := e.queryOffset(ctx, s, id); err != nil || done != nil {
		return done, err
	}
	if e.received+int64(len(e.tail)) != size {
		return nil, newLostError(
			fmt.Sprintf("the store has %d of %d bytes, and the rest was lost with a restart", e.received, size),
		)
	}
	place := fmt.Sprintf("bytes */%d", size)
	if len(e.tail) > 0 {
		place = fmt.Sprintf("bytes %d-%d/%d", e.received, size-1, size)
	}
	e.offsetKnown = false
	answer, err := s.sendRequest(ctx, request{
		method: http.MethodPut, url: id, body: bytes.NewReader(e.tail), length: int64(len(e.tail)),
		header: map[string]string{"Content-Range": place, "X-Goog-Hash": "crc32c=" + sum.Value},
	})
	if err != nil {
		return nil, err
	}
	if answer.StatusCode == http.StatusPermanentRedirect {
		answer.Body.Close()
		return nil, &objstore.Error{Class: objstore.Transient, Err: errors.New("the store did not take the last bytes")}
	}
	return answer, nil
}

// adoptCompleted returns the object of a session that the store no longer knows, if a request whose answer was lost completed it.
func (s *Store) adoptCompleted(
	ctx context.Context, key string, size int64, sum objstore.Sum, err error,
) (objstore.Stored, error) {
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
	s.replaceSession(id, &session{aborted: true})
	answer, err := s.sendRequest(ctx, request{method: http.MethodDelete, url: id})
	if err == nil {
		return answer.Body.Close()
	}
	err = s.wrapSessionError(ctx, "abort the upload of", o.Key, err)
	if objstore.ClassOf(err) == objstore.NoUpload || statusCodeOf(err) == statusCancelled {
		return nil
	}
	return err
}

// Unfinished returns nothing: Google lists no sessions, and ends each a week after it was begun.
func (*Store) Unfinished(context.Context, string) iter.Seq2[objstore.Unfinished, error] {
	return func(func(objstore.Unfinished, error) bool) {}
}
