package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
)

const (
	// maxHeader bounds the header of an answer, in bytes. Azure's may have 8 KiB of metadata, S3's 2 KiB:
	// learn.microsoft.com/rest/api/storageservices/setting-and-retrieving-properties-and-metadata-for-blob-resources,
	// docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html.
	maxHeader = 128 << 10
	// maxRefusal bounds an answer that is not a success. A store's has less than 4 KiB, a proxy's page more.
	maxRefusal = 128 << 10
	// maxAnswer bounds an answer that describes something, and maxListing one that lists a thousand things: Azure's list of
	// the 100,000 blocks that a blob may have is the longest, with about 100 bytes for each.
	maxAnswer, maxListing = 1 << 20, 16 << 20
	// smallContent is up to where an object is read in the time of a small answer.
	smallContent = 64 << 10
)

// bounds are those of an answer. Times are multiples of Options.StallTimeout.
type bounds struct {
	// idle is the longest time without a byte of the answer.
	idle time.Duration
	// total is the longest time from the end of the request to that of the answer; zero: as long as it moves.
	total time.Duration
	// size is in bytes; zero: any.
	size int64
}

type answerKey struct{}

// answerKind is what a request is answered with.
type answerKind int

const (
	small answerKind = iota
	listing
	joined
	content
)

// ExpectContent returns the context of a request that reads an object: its answer may have any length, and take any time as long
// as it moves.
func ExpectContent(ctx context.Context) context.Context { return expect(ctx, content) }

// ExpectListing returns the context of a request that lists something.
func ExpectListing(ctx context.Context) context.Context { return expect(ctx, listing) }

// ExpectJoin returns the context of a request that makes the store put an object together from its parts, before it answers.
func ExpectJoin(ctx context.Context) context.Context { return expect(ctx, joined) }

func expect(ctx context.Context, kind answerKind) context.Context {
	return context.WithValue(ctx, answerKey{}, kind)
}

// boundsOf returns the bounds of the answer to a request.
func boundsOf(r *http.Request, stall time.Duration) (answerKind, bounds) {
	kind, _ := r.Context().Value(answerKey{}).(answerKind)
	if kind == content && r.Method != http.MethodGet {
		kind = small
	}
	switch kind {
	case content:
		return kind, bounds{idle: stall}
	case listing:
		return kind, bounds{idle: stall, total: windowStalls * stall, size: maxListing}
	case joined:
		return kind, bounds{idle: windowStalls * stall, total: 30 * stall, size: maxAnswer}
	case small:
	}
	idle := stall
	// The kernel may still send what is written, and the store write it to its disks.
	if r.ContentLength > LongBody {
		idle = windowStalls * stall
	}
	return small, bounds{idle: idle, total: 2 * idle, size: maxAnswer}
}

// AnswerError is the error of an answer that no store gives.
type AnswerError struct {
	// Status is that of the answer.
	Status int
	text   string
}

func (e *AnswerError) Error() string { return e.text }

// NewAnswerError returns the error of an answer about a key that lacks something which every store's has: another server may have
// given it, and it is not believed.
func NewAnswerError(key, lack string) error {
	return &objstore.Error{
		Class: objstore.Unknown, Cure: notAStore, Err: &AnswerError{http.StatusOK, key + ": the answer has no " + lack},
	}
}

// notAStore is the remedy for an answer that no store gives.
const notAStore = "what answers is no store of this kind: correct the endpoint, or look for a proxy or a login page that answers in its place"

// classesOfForeign are the classes that the status of an answer has even where something else than the store may have given it.
var classesOfForeign = map[objstore.Class]bool{
	objstore.Denied: true, objstore.Unauthenticated: true, objstore.Throttled: true, objstore.Transient: true,
}

func (e *AnswerError) class() objstore.Class {
	if class := ClassOfStatus(e.Status); classesOfForeign[class] {
		return class
	}
	return objstore.Unknown
}

// answerBody is the body of an answer, within its bounds.
type answerBody struct {
	io.ReadCloser

	watch  *watch
	status int
	// left is how much may be read; negative: any.
	left int64
	// resume is not nil between reads: whoever reads takes its time.
	resume func()
}

func newAnswerBody(answer *http.Response, w *watch) *answerBody {
	b := &answerBody{ReadCloser: answer.Body, watch: w, status: answer.StatusCode, left: w.bounds.size}
	if b.left == 0 {
		b.left = -1
	}
	b.resume = w.pause()
	return b
}

func (b *answerBody) Read(p []byte) (int, error) {
	b.resume()
	n, err := b.ReadCloser.Read(p)
	b.resume = b.watch.pause()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			err = b.watch.why(err)
		}
		b.watch.end()
	}
	if b.left < 0 {
		return n, err
	}
	if b.left -= int64(n); b.left < 0 {
		b.watch.end()
		return 0, tooLong(b.status, b.watch.bounds.size)
	}
	return n, err
}

func (b *answerBody) Close() error {
	err := b.ReadCloser.Close()
	b.watch.end()
	return err
}

func tooLong(status int, limit int64) *AnswerError {
	return &AnswerError{status, fmt.Sprintf("the answer, of status %d, is longer than %d bytes", status, limit)}
}

// boundAnswer returns an answer with a body within its bounds. It reads a refusal, and the beginning of what is no object.
func boundAnswer(answer *http.Response, kind answerKind, w *watch) (*http.Response, error) {
	ok := answer.StatusCode < http.StatusMultipleChoices
	if kind == content && answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusPartialContent {
		kind = small
		w.setBounds(bounds{idle: w.stall, total: 2 * w.stall, size: maxAnswer})
	}
	if kind == content && answer.ContentLength >= 0 && answer.ContentLength <= smallContent {
		w.setBounds(bounds{idle: w.stall, total: 2 * w.stall})
	}
	if !ok {
		w.setBounds(bounds{idle: w.stall, total: 2 * w.stall, size: maxRefusal})
	}
	if answer.Body == http.NoBody || answer.Body == nil {
		w.end()
		return answer, nil
	}
	body := newAnswerBody(answer, w)
	answer.Body = body
	switch {
	case body.left >= 0 && answer.ContentLength > body.left:
		_ = body.Close() // The answer is not believed anyway.
		return nil, tooLong(answer.StatusCode, body.left)
	case kind == content:
		return answer, nil
	case ok:
		return answer, checkBeginning(answer, body)
	}
	text, err := io.ReadAll(body)
	if err == nil && nestsTooDeep(text) {
		err = &AnswerError{answer.StatusCode, fmt.Sprintf("the answer, of status %d, is nested too deep", answer.StatusCode)}
	}
	if isA[*AnswerError](err) || isA[*StallError](err) {
		_ = body.Close() // As above.
		return nil, err
	}
	answer.Body = &readBody{bytes.NewReader(text), body, err}
	return answer, nil
}

// maxDepth is how deep the JSON of a refusal may be nested.
const maxDepth = 100

// nestsTooDeep reports whether a text is JSON that is nested deeper than any store's refusal. The SDKs indent it for their errors
// (azcore v1.24.0, azidentity v1.15.0), which takes a hundred MiB for ten thousand brackets.
func nestsTooDeep(text []byte) bool {
	if begins := bytes.TrimSpace(text); len(begins) == 0 || begins[0] != '[' && begins[0] != '{' {
		return false
	}
	depth := 0
	for _, c := range text {
		switch c {
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		}
		if depth > maxDepth {
			return true
		}
	}
	return false
}

// readBody is a body that was read beforehand.
type readBody struct {
	text *bytes.Reader
	io.Closer

	err error // of reading it
}

func (b *readBody) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	if errors.Is(err, io.EOF) && b.err != nil {
		err = b.err
	}
	return n, err
}

// htmlBeginnings are those of pages for people.
var htmlBeginnings = [][]byte{[]byte("<!doctype html"), []byte("<html")}

// beginningLength is how much of an answer is looked at.
const beginningLength = 512

// checkBeginning returns an error of an answer that is a page for people: a proxy, a login page or another server answers so in the
// place of a store.
func checkBeginning(answer *http.Response, body *answerBody) error {
	buffer := make([]byte, beginningLength)
	n, err := body.Read(buffer)
	begins := bytes.ToLower(bytes.TrimSpace(buffer[:n]))
	for _, html := range htmlBeginnings {
		if bytes.HasPrefix(begins, []byte("<")) && bytes.Contains(begins, html) {
			_ = body.Close() // The answer is not believed anyway.
			return &AnswerError{
				answer.StatusCode, fmt.Sprintf("the answer, of status %d, is a page of HTML", answer.StatusCode),
			}
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	read := &readBody{bytes.NewReader(buffer[:n]), body, err}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(read, body), body}
	return nil
}
