package gcs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// Put stores an object in one request, its properties in front of its bytes.
func (s *Store) Put(ctx context.Context, o *objstore.Object, body objstore.Body) (objstore.Stored, error) {
	meta, query, err := newProperties(o)
	if err != nil {
		return objstore.Stored{}, err
	}
	sum := body.Sum
	if sum == (objstore.Sum{}) {
		hash := checksum.New(objstore.CRC32C)
		if err := transport.HashBody(body, hash); err != nil {
			return objstore.Stored{}, s.wrapError(ctx, "read", o.Key, err)
		}
		sum = checksum.Sum(objstore.CRC32C, hash)
	}
	meta.CRC32C = sum.Value
	r, err := newRelatedRequest(meta, body)
	if err != nil {
		return objstore.Stored{}, err
	}
	query.Set("uploadType", "multipart")
	r.method, r.url, r.query = http.MethodPost, s.uploadsURL, query
	answer, err := s.sendRequest(ctx, r)
	if err != nil {
		return objstore.Stored{}, s.wrapCreateError(ctx, "put", o.Key, err)
	}
	done, err := readStored(ctx, o.Key, answer)
	if err != nil {
		return objstore.Stored{}, s.wrapError(ctx, "put", o.Key, err)
	}
	return s.verifyObject(ctx, done, body.Size, sum)
}

// newRelatedRequest writes a multipart/related message around a body: cloud.google.com/storage/docs/uploading-objects.
func newRelatedRequest(meta *object, body objstore.Body) (request, error) {
	var frame bytes.Buffer
	w := multipart.NewWriter(&frame)
	part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/json; charset=UTF-8"}})
	if err != nil {
		return request{}, err
	}
	if err := json.NewEncoder(part).Encode(meta); err != nil {
		return request{}, err
	}
	if _, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {contentType(meta)}}); err != nil {
		return request{}, err
	}
	head := frame.Len()
	if err := w.Close(); err != nil {
		return request{}, err
	}
	text := frame.Bytes()
	return request{
		header: map[string]string{"Content-Type": "multipart/related; boundary=" + w.Boundary()},
		body: io.MultiReader(
			bytes.NewReader(text[:head]), transport.NewBodyReader(body, nil), bytes.NewReader(text[head:]),
		),
		length: int64(len(text)) + body.Size,
	}, nil
}

func contentType(meta *object) string {
	if meta.ContentType == "" {
		return "application/octet-stream"
	}
	return meta.ContentType
}

// newProperties returns an object's properties, as the JSON API has them, and the query that goes with them.
func newProperties(o *objstore.Object) (*object, url.Values, error) {
	meta := &object{Name: o.Key, ContentType: o.ContentType, StorageClass: o.StorageClass, Metadata: o.Metadata}
	query := url.Values{}
	if !o.Overwrite {
		query.Set("ifGenerationMatch", "0")
	}
	switch {
	case len(o.Tags) > 0:
		return nil, nil, newInvalidError("Google Cloud Storage has no object tags", "remove uploader.tags")
	case o.Encryption == "KMS" && o.KMSKeyID == "":
		return nil, nil, newInvalidError(
			"Google Cloud Storage encrypts with a key that is named",
			"name the key in uploader.sse.kmsKeyID, or give the bucket a default key and remove uploader.sse",
		)
	case o.Encryption == "KMS":
		query.Set("kmsKeyName", o.KMSKeyID)
	}
	if o.Retention != nil {
		meta.Retention = &retention{Mode: "Unlocked", RetainUntilTime: o.Retention.Until}
		if o.Retention.Compliance {
			meta.Retention.Mode = "Locked"
		}
	}
	return meta, query, nil
}

func newInvalidError(text, cure string) error {
	return &objstore.Error{Class: objstore.Invalid, Cure: cure, Err: errors.New(text)}
}

// verifyObject compares what the store has with what was sent. Should the store not have compared the checksum that went with
// it, then the object is there by now: it is removed again.
func (s *Store) verifyObject(
	ctx context.Context, done objstore.Stored, size int64, sum objstore.Sum,
) (objstore.Stored, error) {
	if done.Size == size && done.Sum == sum {
		return done, nil
	}
	err := fmt.Errorf(
		"%s has %d bytes with the CRC32C %q in the store, and %d with %q here", done.Key, done.Size, done.Sum.Value, size,
		sum.Value,
	)
	if derr := s.Delete(ctx, done.Key, done.Version); derr != nil {
		err = errors.Join(err, derr)
	}
	return objstore.Stored{}, &objstore.Error{Class: objstore.Corrupt, Err: err}
}
