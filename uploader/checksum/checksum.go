package checksum

import (
	"crypto/md5" //nolint:gosec // Some stores verify nothing else; it guards against accidents here, not against attacks.
	"encoding/base64"
	"hash"
	"hash/crc32"

	"github.com/minio/crc64nvme"

	"lighterman.dev/lighterman/uploader/objstore"
)

// algorithm is a checksum as data.
type algorithm struct {
	newHash func() hash.Hash
	// polynomial has its highest power in bit 0, as hash/crc32 and hash/crc64 write it; zero: not a CRC.
	polynomial uint64
	// bits is the CRC's width.
	bits int
}

var algorithms = map[objstore.Algorithm]algorithm{
	objstore.CRC64NVME: {newHash: newCRC64, polynomial: crc64nvme.NVME, bits: 64},
	// Azure's polynomial is that of NVME: azblob v1.8.3, internal/shared/shared.go, crc64Polynomial.
	objstore.CRC64:  {newHash: newCRC64, polynomial: crc64nvme.NVME, bits: 64},
	objstore.CRC32C: {newHash: newCRC32C, polynomial: crc32.Castagnoli, bits: 32},
	objstore.MD5:    {newHash: md5.New},
}

func newCRC64() hash.Hash { return crc64nvme.New() }

func newCRC32C() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }

// New returns the hash of an algorithm; nil for one that this package does not know.
func New(a objstore.Algorithm) hash.Hash {
	if row, ok := algorithms[a]; ok {
		return row.newHash()
	}
	return nil
}

// Sum returns the checksum of what was written to h, which New(a) made.
func Sum(a objstore.Algorithm, h hash.Hash) objstore.Sum {
	return objstore.Sum{Algorithm: a, Value: base64.StdEncoding.EncodeToString(h.Sum(nil))}
}

// Of returns the checksum of data. The algorithm must be one that New knows.
func Of(a objstore.Algorithm, data []byte) objstore.Sum {
	h := New(a)
	h.Write(data)
	return Sum(a, h)
}
