package checksum_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"hash/crc64"
	"math/rand/v2"
	"testing"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
)

// The check values of the catalogue of parametrised CRC algorithms (reveng.sourceforge.io), and RFC 1321's of MD5.
func TestKnownValues(t *testing.T) {
	for a, want := range map[objstore.Algorithm]string{
		objstore.CRC64NVME: "ae8b14860a799888",
		objstore.CRC64:     "ae8b14860a799888",
		objstore.CRC32C:    "e3069283",
		objstore.MD5:       "25f9e794323b453885f5181f1b624d0b",
	} {
		got := checksum.Of(a, []byte("123456789"))
		raw, err := base64.StdEncoding.DecodeString(got.Value)
		if err != nil || hex.EncodeToString(raw) != want || got.Algorithm != a {
			t.Errorf("%s: got %+v (%x), want %s", a, got, raw, want)
		}
	}
	if checksum.New("none") != nil {
		t.Error("an unknown algorithm has a hash")
	}
}

func TestAzurePolynomial(t *testing.T) {
	data := []byte("what azblob computes with hash/crc64 and its own table")
	sum := crc64.Checksum(data, crc64.MakeTable(0x9A6C9329AC4BC9B5))
	h := checksum.New(objstore.CRC64)
	h.Write(data)
	if got := h.(interface{ Sum64() uint64 }).Sum64(); got != sum {
		t.Errorf("got %x, want %x", got, sum)
	}
}

func TestCombine(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 300_000)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	for _, a := range []objstore.Algorithm{objstore.CRC64NVME, objstore.CRC64, objstore.CRC32C} {
		for range 50 {
			var parts []objstore.Part
			for rest := data; len(rest) > 0; {
				n := min(1+random.IntN(100_000), len(rest))
				parts = append(parts, objstore.Part{Size: int64(n), Sum: checksum.Of(a, rest[:n])})
				rest = rest[n:]
			}
			if got, want := checksum.Combine(parts), checksum.Of(a, data); got != want {
				t.Fatalf("%s of %d parts: got %v, want %v", a, len(parts), got, want)
			}
		}
	}
}

func TestCombineTellsNothingWhereItCannot(t *testing.T) {
	crc := objstore.Part{Size: 1, Sum: checksum.Of(objstore.CRC32C, []byte("a"))}
	md5 := objstore.Part{Size: 1, Sum: checksum.Of(objstore.MD5, []byte("a"))}
	short := objstore.Part{Size: 1, Sum: objstore.Sum{Algorithm: objstore.CRC64, Value: crc.Sum.Value}}
	for _, parts := range [][]objstore.Part{nil, {md5, md5}, {crc, md5}, {crc, {Size: 1}}, {short}} {
		if got := checksum.Combine(parts); got != (objstore.Sum{}) {
			t.Errorf("%v: got %v", parts, got)
		}
	}
	empty := checksum.Of(objstore.CRC64, nil)
	if got := checksum.Combine([]objstore.Part{{Sum: empty}}); got != empty {
		t.Errorf("an empty object: got %v, want %v", got, empty)
	}
}

func BenchmarkSum(b *testing.B) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for _, a := range []objstore.Algorithm{objstore.CRC64NVME, objstore.CRC32C, objstore.MD5} {
		b.Run(string(a), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				checksum.Of(a, data)
			}
		})
	}
}
