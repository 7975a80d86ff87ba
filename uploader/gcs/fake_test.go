package gcs_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/transport"
)

const align = 256 << 10

// google is one resumable upload as Google documents it (cloud.google.com/storage/docs/performing-resumable-uploads), in the
// states that fake-gcs-server does not have: it takes bytes only where the last ones ended, and may take fewer than are sent;
// it says how far it is; it compares X-Goog-Hash before the object is there; it says again what became of the upload.
type google struct {
	*httptest.Server

	mu   sync.Mutex
	data []byte
	done bool
	over bool // cancelled, or expired
	// takes bounds what the next request adds; negative: all. cut breaks its connection then, refuse answers with a status.
	takes  int
	cut    bool
	refuse int
	// asked counts the questions how far it is.
	asked int
}

func newGoogle(t *testing.T) *google {
	t.Helper()
	g := &google{takes: -1}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // The other side broke it.
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		switch {
		case strings.HasPrefix(r.URL.Path, "/computeMetadata/"):
			fmt.Fprint(w, `{"access_token": "node", "expires_in": 3600, "token_type": "Bearer"}`)
		case r.Method == http.MethodPost:
			w.Header().Set("Location", g.URL+"/session?upload_id=secret")
		case r.URL.Path != "/session":
			g.object(w)
		case g.over:
			w.WriteHeader(http.StatusGone)
		case r.Method == http.MethodDelete:
			g.over = true
			w.WriteHeader(499)
		default:
			g.put(t, w, r, body)
		}
	}))
	t.Cleanup(g.Close)
	t.Setenv("GCE_METADATA_HOST", strings.TrimPrefix(g.URL, "http://"))
	return g
}

// change says how it is to behave from now on.
func (g *google) change(how func(*google)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	how(g)
}

func (g *google) open(t *testing.T) *gcs.Store {
	t.Helper()
	store, err := gcs.New(
		uploader.GCS{Bucket: "b", Endpoint: g.URL, Auth: uploader.Auth{Mode: "ambient"}}, transport.Options{},
	)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func (g *google) object(w http.ResponseWriter) {
	if !g.done {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	err := json.NewEncoder(w).Encode(
		map[string]string{"name": "key", "size": strconv.Itoa(len(g.data)), "generation": "7", "crc32c": crc(g.data)},
	)
	if err != nil {
		panic(err)
	}
}

func (g *google) put(t *testing.T, w http.ResponseWriter, r *http.Request, body []byte) {
	t.Helper()
	place, total, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Content-Range"), "bytes "), "/")
	if place == "*" && total == "*" {
		g.asked++
	}
	if g.done {
		g.object(w)
		return
	}
	if place != "*" {
		from, _, _ := strings.Cut(place, "-")
		if from != strconv.Itoa(len(g.data)) || total == "*" && len(body)%align != 0 {
			t.Errorf("%s of %d bytes after %d", r.Header.Get("Content-Range"), len(body), len(g.data))
		}
		if g.takes >= 0 {
			body = body[:min(g.takes, len(body))]
		}
		g.data = append(g.data, body...)
	}
	cut, refuse := g.cut, g.refuse
	g.takes, g.cut, g.refuse = -1, false, 0
	if total == strconv.Itoa(len(g.data)) {
		if r.Header.Get("X-Goog-Hash") != "crc32c="+crc(g.data) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"error": {"code": 400, "message": "Provided CRC32C does not match calculated CRC32C"}}`)
			return
		}
		g.done = true
	}
	switch {
	case cut:
		panic(http.ErrAbortHandler)
	case refuse != 0:
		w.WriteHeader(refuse)
	case g.done:
		g.object(w)
	default:
		if len(g.data) > 0 {
			w.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(g.data)-1))
		}
		w.WriteHeader(http.StatusPermanentRedirect)
	}
}

func crc(data []byte) string {
	sum := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, sum))
}
