package webhook

import (
	"bytes"
	"context"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"time"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/webhook/httpserver"
)

const (
	// bodyTimeout is how long a body may take to arrive, whatever the server allows.
	bodyTimeout = 4 * time.Second
	// writeTimeout is how long the client may take to read the answer.
	writeTimeout = 2 * time.Second
)

// bodyError is a request whose review could not be read.
type bodyError struct {
	status int
	err    error
}

func (e *bodyError) Error() string { return e.err.Error() }

// readBody fills buffer with the request's body. What is larger than most is read only when there is room for it.
func readBody(buffer *bytes.Buffer, w http.ResponseWriter, r *http.Request, room *share) error {
	buffer.Reset()
	if r.Method != http.MethodPost {
		return &bodyError{
			http.StatusMethodNotAllowed,
			fmt.Errorf("method is %s: post an AdmissionReview", message.Value(r.Method)),
		}
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return &bodyError{
			http.StatusUnsupportedMediaType,
			fmt.Errorf("content type is %s: only application/json is understood",
				message.Quote(r.Header.Get("Content-Type"))),
		}
	}
	// A recorder in a test has no deadlines, and a server has its own besides.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	body := http.MaxBytesReader(w, r.Body, maxBody)
	first := int64(smallBody)
	if r.ContentLength >= 0 {
		first = min(r.ContentLength, smallBody)
	}
	buffer.Grow(int(first) + bytes.MinRead)
	n, err := buffer.ReadFrom(io.LimitReader(body, smallBody))
	if err == nil && r.ContentLength > maxBody {
		err = &http.MaxBytesError{Limit: maxBody}
	}
	if err == nil && n == smallBody && r.ContentLength != smallBody {
		if err = room.acquireBody(r.Context(), r.ContentLength); err == nil {
			size := r.ContentLength
			if size < 0 {
				size = maxBody // To grow in steps would take three times the room.
			}
			buffer.Grow(int(size) - buffer.Len() + bytes.MinRead)
			_, err = buffer.ReadFrom(body)
		}
	}
	if err != nil {
		return classifyReadError(err)
	}
	httpserver.MarkArrived(r.Context())
	return nil
}

func classifyReadError(err error) error {
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case tooLarge:
		return &tooLargeError{fmt.Sprintf("the review of the pod has more than %d bytes", maxBody)}
	case errors.Is(err, errBusy):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return &bodyError{http.StatusRequestTimeout, fmt.Errorf("the body did not arrive within %v", bodyTimeout)}
	}
	return &bodyError{http.StatusBadRequest, fmt.Errorf("read the body: %s", message.Shorten(err.Error(), 256))}
}

// refuseBody answers a request whose review was not read. Where the review's uid has arrived, the answer is one that the API
// server hands on to the user with its text; it reports any other status without one.
func (h *Handler) refuseBody(w http.ResponseWriter, start time.Time, head []byte, err error) {
	status, outcome, reason := http.StatusBadRequest, outcomeError, reasonBadRequest
	body, unread := errors.AsType[*bodyError](err)
	_, tooLarge := errors.AsType[*tooLargeError](err)
	switch {
	case unread:
		status = body.status
	case tooLarge:
		status, outcome, reason = http.StatusRequestEntityTooLarge, outcomeDenied, string(injector.ReasonTooLarge)
	case errors.Is(err, errBusy):
		status, reason = http.StatusTooManyRequests, reasonBusy
	}
	h.Metrics.observeReview(start, outcome, reason)
	uid := ""
	if tooLarge || errors.Is(err, errBusy) {
		uid = uidOf(head)
	}
	writeReviewFailure(w, status, uid, err)
}

// uidOf returns the uid of the review that begins with head; empty: it is not in there. The API server writes it first.
func uidOf(head []byte) string {
	d := jsontext.NewDecoder(bytes.NewReader(head[:min(len(head), 4<<10)]))
	for range 32 {
		token, err := d.ReadToken()
		if err != nil {
			return ""
		}
		_, position := d.StackIndex(d.StackDepth())
		if token.Kind() == '"' && position%2 == 0 && d.StackPointer() == "/request/uid" {
			return token.String()
		}
	}
	return ""
}
