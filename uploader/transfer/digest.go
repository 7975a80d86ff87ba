package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
)

// ErrChanged is the error of a file that changed each time that it was read.
var ErrChanged = errors.New("the file changes while it is read")

var buffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

// digest is the SHA-256 of the file as far as it was read, and a checksum of each part.
type digest struct {
	sha hash.Hash
	// valid means that sha holds the parts as they are in sums.
	valid bool
	sums  []content // by number, from 1 on
}

// content is the size and checksum of a part or of the whole.
type content struct {
	size int64
	sum  objstore.Sum
}

func newDigest() *digest { return &digest{sha: sha256.New(), valid: true} }

// addPart reads the next part.
func (d *digest) addPart(r io.ReaderAt, offset, size int64, a objstore.Algorithm) (content, error) {
	c, err := checksumPart(r, offset, size, a, d.sha)
	if err != nil {
		d.valid = false // The SHA-256 holds a piece of the part.
		return content{}, err
	}
	d.sums = append(d.sums, c)
	return c, nil
}

// hexSHA256 returns the SHA-256 in hex; empty when a part has changed that went into it.
func (d *digest) hexSHA256() string {
	if !d.valid {
		return ""
	}
	return hex.EncodeToString(d.sha.Sum(nil))
}

// checksumPart returns the size and checksum of a range of a file, and writes what it reads to others.
func checksumPart(r io.ReaderAt, offset, size int64, a objstore.Algorithm, others ...hash.Hash) (content, error) {
	h := checksum.New(a)
	buffer, _ := buffers.Get().(*[]byte)
	defer buffers.Put(buffer)
	for at := int64(0); at < size; {
		n, err := r.ReadAt((*buffer)[:min(size-at, int64(len(*buffer)))], offset+at)
		h.Write((*buffer)[:n])
		for _, other := range others {
			other.Write((*buffer)[:n])
		}
		at += int64(n)
		if errors.Is(err, io.EOF) && at < size {
			return content{}, fmt.Errorf("%w: it has become shorter", ErrChanged)
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return content{}, fmt.Errorf("read the file: %w", err)
		}
	}
	return content{size: size, sum: checksum.Sum(a, h)}, nil
}
