package gcs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/api/googleapi"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

const (
	googleURL = "https://storage.googleapis.com"
	// align divides what a request of a resumable upload sends, the last one's excepted:
	// cloud.google.com/storage/docs/performing-resumable-uploads.
	align = 256 << 10
)

// Store is a bucket. New makes it.
type Store struct {
	http       *http.Client
	tokens     *tokens
	auth       uploader.Auth
	bucketName string
	// bucketURL is the URL of the bucket, objects and uploads are those of its objects, to read and to write.
	bucketURL, objectsURL, uploadsURL string

	mu sync.Mutex
	// sessions are the uploads that this process has a part of, by their ID.
	sessions map[string]*session
}

var _ objstore.Store = (*Store)(nil)

// New makes a store. It reads the auth mode's file, but does not speak to the store.
func New(where uploader.GCS, o transport.Options) (*Store, error) {
	client, err := transport.New(o)
	if err != nil {
		return nil, err
	}
	tokens, err := newTokens(where.Auth, client)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(where.Endpoint, "/")
	if base == "" {
		base = googleURL
	}
	path := "/storage/v1/b/" + url.PathEscape(where.Bucket)
	return &Store{
		http:       client,
		tokens:     tokens,
		auth:       where.Auth,
		bucketName: where.Bucket,
		bucketURL:  base + path,
		objectsURL: base + path + "/o",
		uploadsURL: base + "/upload" + path + "/o",
		sessions:   map[string]*session{},
	}, nil
}

// URL returns the bucket's URL, as gcloud writes it.
func (s *Store) URL() string { return "gs://" + s.bucketName }

// Limits returns those of cloud.google.com/storage/quotas. A resumable upload has no parts of its own, so their number is bounded
// by the object's size, 5 TiB, alone.
func (*Store) Limits() objstore.Limits {
	return objstore.Limits{
		MinPart:    align,
		MaxPart:    5 << 40,
		MaxParts:   5 << 40 / align,
		MaxPut:     5 << 40,
		Sequential: true,
		Align:      align,
		Algorithm:  objstore.CRC32C,
	}
}

// request is one to the API.
type request struct {
	method, url string
	query       url.Values
	header      map[string]string
	body        io.Reader
	// length is the body's; zero: it has none.
	length int64
}

// sendRequest sends a request. Answers of 400 and above are errors.
func (s *Store) sendRequest(ctx context.Context, r request) (*http.Response, error) {
	address := r.url
	if len(r.query) > 0 {
		address += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	if r.length > 0 {
		req.Body, req.ContentLength = io.NopCloser(r.body), r.length
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	if r.length > transport.LongBody {
		req.Header.Set("Expect", "100-continue")
	}
	if err := s.tokens.setAuthHeader(req); err != nil {
		return nil, err
	}
	answer, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode < http.StatusBadRequest {
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, googleapi.CheckResponse(answer)
}

// object is one as the JSON API has it: cloud.google.com/storage/docs/json_api/v1/objects.
type object struct {
	Name         string            `json:"name,omitzero"`
	ContentType  string            `json:"contentType,omitzero"`
	StorageClass string            `json:"storageClass,omitzero"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	CRC32C       string            `json:"crc32c,omitzero"`
	Retention    *retention        `json:"retention,omitempty"`

	// Answers have these too.
	Size       string    `json:"size,omitzero"`
	Generation string    `json:"generation,omitzero"`
	Updated    time.Time `json:"updated,omitzero"`
}

type retention struct {
	Mode            string    `json:"mode"`
	RetainUntilTime time.Time `json:"retainUntilTime"`
}

// readStored reads an answer that describes an object, and closes it.
func readStored(ctx context.Context, key string, answer *http.Response) (objstore.Stored, error) {
	defer answer.Body.Close()
	var o object
	if err := json.NewDecoder(transport.ClassifyReads(ctx, answer.Body)).Decode(&o); err != nil {
		return objstore.Stored{}, fmt.Errorf("read the answer: %w", err)
	}
	size, err := strconv.ParseInt(o.Size, 10, 64)
	if err != nil {
		return objstore.Stored{}, fmt.Errorf("read the answer: size: %w", err)
	}
	s := objstore.Stored{Key: key, Size: size, Version: o.Generation, Metadata: o.Metadata, Modified: o.Updated}
	if o.CRC32C != "" {
		s.Sum = objstore.Sum{Algorithm: objstore.CRC32C, Value: o.CRC32C}
	}
	return s, nil
}
