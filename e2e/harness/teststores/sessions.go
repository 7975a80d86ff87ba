package teststores

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// sessions does what fake-gcs-server 1.56 lacks of resumable uploads, as cloud.google.com/storage/docs/performing-resumable-uploads
// has it: it says how far a session has come, which the server takes for its end; it takes no bytes twice; it compares the
// checksum that comes with the last bytes; and a session can be given up.
type sessions struct {
	next http.Handler

	mu  sync.Mutex
	all map[string]*session
}

// session is a resumable upload that has begun.
type session struct {
	mu   sync.Mutex
	have int64
	sum  uint32
	// over is what the session's end was answered with; nil: it goes on.
	over *httptest.ResponseRecorder
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (s *sessions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("upload_id")
	if id == "" {
		s.next.ServeHTTP(w, r)
		return
	}
	s.mu.Lock()
	found := s.all[id]
	if found == nil {
		found = &session{}
		s.all[id] = found
	}
	s.mu.Unlock()
	// One request at a time: a session is asked how far it is when a connection was cut, and the rest may be on its way.
	found.mu.Lock()
	defer found.mu.Unlock()
	found.serve(s.next, w, r)
}

func (e *session) serve(next http.Handler, w http.ResponseWriter, r *http.Request) {
	place := r.Header.Get("Content-Range")
	switch {
	case r.Method == http.MethodDelete:
		e.over = httptest.NewRecorder()
		e.over.Code = http.StatusNotFound
		w.WriteHeader(499) // Google's own.
	case e.over != nil:
		replay(w, e.over)
	case place == "bytes */*", !strings.HasPrefix(place, fmt.Sprintf("bytes %d-", e.have)) && !strings.HasPrefix(place, "bytes */"):
		e.proceed(w)
	default:
		e.take(next, w, r)
	}
}

// proceed reports to the client how far the session has come.
func (e *session) proceed(w http.ResponseWriter) {
	if e.have > 0 {
		w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", e.have-1))
	}
	w.WriteHeader(http.StatusPermanentRedirect)
}

// take passes bytes on: all of them, or none.
func (e *session) take(next http.Handler, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // The connection was cut.
	}
	sum := crc32.Update(e.sum, castagnoli, body)
	got := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
	answer := httptest.NewRecorder()
	if want, ok := strings.CutPrefix(r.Header.Get("X-Goog-Hash"), "crc32c="); ok && want != got {
		answer.Header().Set("Content-Type", "application/json")
		answer.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(answer).Encode(map[string]any{"error": map[string]any{
			"code": http.StatusBadRequest, "message": fmt.Sprintf("Provided CRC32C %q doesn't match calculated CRC32C %q.", want, got),
		}})
	} else {
		r.Header.Del("Expect")
		// The client may go away: what the server takes, the session has.
		r = r.WithContext(context.WithoutCancel(r.Context()))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		next.ServeHTTP(answer, r)
	}
	if answer.Code == http.StatusPermanentRedirect {
		e.have, e.sum = e.have+int64(len(body)), sum
		e.proceed(w)
		return
	}
	e.over = answer
	replay(w, answer)
}

func replay(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
}
