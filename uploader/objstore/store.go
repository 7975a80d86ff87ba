package objstore

import (
	"context"
	"io"
	"iter"
	"time"
)

// Store is one bucket or container. Its methods may run at the same time. They do not retry: the caller does, by the
// Class of the error. Keys are complete; a store adds no prefix of its own.
type Store interface {
	// URL returns the address of the bucket, for people, without a credential: s3://bucket. That of an object is this with a slash
	// and the key.
	URL() string
	// Limits returns what the store takes.
	Limits() Limits
	Objects
	Uploads
}

// Objects stores and reads whole objects.
type Objects interface {
	// Put stores an object in one request. The object becomes visible whole or not at all.
	Put(ctx context.Context, o *Object, body Body) (Stored, error)
	// Stat describes an object as it is stored; an error of class NotFound when there is none.
	Stat(ctx context.Context, key string) (Stored, error)
	// Open reads an object; an empty version is the newest. An error of class NotFound when there is none.
	Open(ctx context.Context, key, version string) (io.ReadCloser, error)
	// Delete removes an object, or the one version that is named. One that is gone already is not an error.
	Delete(ctx context.Context, key, version string) error
}

// Uploads makes objects in parts.
type Uploads interface {
	// Begin starts an upload in parts and returns its ID. Nothing is visible before Complete. A key that exists and must not be
	// replaced is an error of class Exists, where the store can find it at this time.
	Begin(ctx context.Context, o *Object) (id string, err error)
	// PutPart sends a part, and replaces an earlier one of the same number. Numbers begin at 1. Where
	// Limits.Sequential is set, parts come in order, one at a time, and none is replaced: an upload whose file changed is
	// aborted and begun again.
	PutPart(ctx context.Context, o *Object, id string, number int, body Body) (Part, error)
	// Complete makes the object visible. Parts are in order, without a gap, and at least one. Where the store can, it
	// compares the checksum of the whole with that of the parts before the object becomes visible. Asking again after a
	// lost answer returns the same Stored, or an error of class Exists or NoUpload.
	Complete(ctx context.Context, o *Object, id string, parts []Part) (Stored, error)
	// Abort aborts an upload and frees its parts. One that is gone already is not an error.
	Abort(ctx context.Context, o *Object, id string) error
	// Unfinished lists the uploads below a prefix that were begun and neither completed nor aborted, as far as the store can
	// list them.
	Unfinished(ctx context.Context, prefix string) iter.Seq2[Unfinished, error]
}

// Limits are what a store takes. Sizes are in bytes.
type Limits struct {
	// MinPart and MaxPart bound every part but the last, which may be smaller.
	MinPart, MaxPart int64
	// MaxParts bounds the number of parts.
	MaxParts int
	// MaxPut bounds what Put takes.
	MaxPut int64
	// Sequential: parts are sent in order, one at a time, and cannot be replaced.
	Sequential bool
	// Align divides the size of every part but the last; zero: any size.
	Align int64
	// Algorithm is the checksum that the store verifies and keeps.
	Algorithm Algorithm
}

// Algorithm names a checksum.
type Algorithm string

// The checksums that stores verify. Package checksum computes them.
const (
	CRC64NVME Algorithm = "CRC64NVME" // the store of the tests: of the whole object
	CRC32C    Algorithm = "CRC32C"    // S3: of a part, and of the whole object; Google Cloud Storage: of the whole object
	CRC64     Algorithm = "CRC64"     // Azure: of a block; the polynomial is that of CRC64NVME
	MD5       Algorithm = "MD5"
)

// Object is what an upload makes.
type Object struct {
	Key         string
	ContentType string
	// Metadata is kept with the object. Names are lower case letters, digits and dashes.
	Metadata map[string]string
	// Tags are the store's object tags, where it has them.
	Tags map[string]string
	// StorageClass is in the store's own words; empty is the bucket's default.
	StorageClass string
	// Encryption is "", AES256 or KMS; KMSKeyID is empty for the store's own key.
	Encryption, KMSKeyID string
	// Retention protects the object until a time; nil: not at all.
	Retention *Retention
	// Overwrite replaces an object that exists. Else a Put or Complete of a key that exists is an error of class Exists,
	// decided by the store in one step with the write.
	Overwrite bool
}

// Retention is object lock.
type Retention struct {
	// Compliance: no one can end it early; else identities with the permission can.
	Compliance bool
	Until      time.Time
}

// Body is a part of a file. It may be read more than once, and from more than one place at a time.
type Body struct {
	io.ReaderAt

	// Offset and Size are in bytes.
	Offset, Size int64
	// Sum is what the bytes must have, of Limits.Algorithm; zero: the store computes it. Other bytes are an error of class
	// Corrupt, found by the store before it keeps them.
	Sum Sum
}

// Reader reads the body from its beginning.
func (b Body) Reader() *io.SectionReader { return io.NewSectionReader(b.ReaderAt, b.Offset, b.Size) }

// Part is a part that the store has.
type Part struct {
	Number int   `json:"number"`
	Size   int64 `json:"size"`
	// Sum is the checksum of the bytes that were sent, of Limits.Algorithm, as the store confirmed it.
	Sum Sum `json:"sum"`
	// Tag is what the store needs in Complete: an ETag, a block ID.
	Tag string `json:"tag,omitempty"`
}

// Stored is an object that the store has.
type Stored struct {
	Key  string
	Size int64
	// Version is empty where the bucket keeps none.
	Version string
	// Sum is of the whole object; zero where the store keeps none of Limits.Algorithm.
	Sum      Sum
	Metadata map[string]string
	Modified time.Time
}

// Unfinished is an upload that was begun.
type Unfinished struct {
	Key, ID string
	Begun   time.Time
}
