package upload_test

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/azure"
	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// attempts is how often each early refusal is tried: whether an answer is lost is a race.
const attempts = 50

// refuse answers as soon as the header of a request has come, and closes the connection with the body unread, so that the
// kernel resets it. It says 100 Continue before, as versitygw's HTTP server does (fasthttp), so the body is on its way.
func (a answer) refuse(tb testing.TB, w http.ResponseWriter) {
	tb.Helper()
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		tb.Error(err)
		return
	}
	io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
	time.Sleep(3 * time.Millisecond) // By now the client waits until more of its body is taken.
	if a.status != 0 {
		head := fmt.Sprintf("HTTP/1.1 %d Refused\r\nContent-Length: %d\r\nConnection: close\r\n", a.status, len(a.body))
		for name, value := range a.header {
			head += name + ": " + value + "\r\n"
		}
		io.WriteString(c, head+"\r\n"+a.body)
	}
	if over, ok := c.(*tls.Conn); ok {
		c = over.NetConn() // Without a farewell.
	}
	c.Close()
}

// noAnswer is the refusal of a store whose answer is lost.
var noAnswer = answer{}

// at opens the store at an address that leads to it.
func (b *backend) at(tb testing.TB, address string) objstore.Store {
	tb.Helper()
	c, o := b.settings(address), transport.Options{CAFile: b.certificate.CA}
	var store objstore.Store
	var err error
	switch {
	case c.S3 != nil:
		store, err = s3.New(*c.S3, o)
	case c.Azure != nil:
		store, err = azure.New(*c.Azure, o)
	default:
		store, err = gcs.New(*c.GCS, o)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

// TestEarlyRefusal has a server in front of each store that refuses large bodies in each way, before it has read them. Each
// answer must arrive, in each kind of request.
func TestEarlyRefusal(t *testing.T) {
	for name, open := range backends {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			i := teststores.Intercept(t, "https://"+b.address, b.certificate)
			var refusing atomic.Pointer[answer]
			i.Instead = func(w http.ResponseWriter, r *http.Request) bool {
				a := refusing.Load()
				if a == nil || !carries(r) {
					return false
				}
				a.refuse(t, w)
				return true
			}
			store := b.at(t, strings.TrimPrefix(i.URL, "https://"))
			for request, prepare := range largeRequests {
				do := prepare(t, store)
				for what, classes := range map[string][]objstore.Class{
					denied: {objstore.Denied}, taken: {objstore.Exists}, tooLarge: {objstore.Invalid},
					busy: {objstore.Transient, objstore.Throttled},
				} {
					t.Run(request+"/"+what, func(t *testing.T) {
						a := b.answers[what]
						refusing.Store(&a)
						defer refusing.Store(nil)
						for range attempts {
							began := time.Now()
							err := do()
							if _, answered := errors.AsType[*objstore.Error](err); !answered || !slices.Contains(classes, objstore.ClassOf(err)) || broke(err) {
								t.Fatalf("got %s: %v, want one of %v", objstore.ClassOf(err), err, classes)
							}
							if took := time.Since(began); took > 5*time.Second {
								t.Errorf("it took %s", took)
							}
						}
					})
				}
			}
		})
	}
}

// broke reports whether an error tells of a connection and not of an answer.
func broke(err error) bool {
	return strings.Contains(err.Error(), "reset by peer") || strings.Contains(err.Error(), "broken pipe") || strings.Contains(err.Error(), "EOF")
}

// largeRequests prepare the requests that have a large body.
var largeRequests = map[string]func(*testing.T, objstore.Store) func() error{
	"put": func(t *testing.T, store objstore.Store) func() error {
		t.Helper()
		body := blank(4 << 20)
		return func() error {
			_, err := store.Put(t.Context(), &objstore.Object{Key: "refused-object"}, body)
			return err
		}
	},
	"part": func(t *testing.T, store objstore.Store) func() error {
		t.Helper()
		o := &objstore.Object{Key: "refused-part"}
		id := begin(t, store, o)
		body := blank(5 << 20)
		return func() error {
			_, err := store.PutPart(t.Context(), o, id, 1, body)
			return err
		}
	},
	"complete": func(t *testing.T, store objstore.Store) func() error {
		t.Helper()
		o := &objstore.Object{Key: "refused-upload"}
		id := begin(t, store, o)
		parts := manyParts(t, store, o, id)
		return func() error {
			_, err := store.Complete(t.Context(), o, id, parts)
			return err
		}
	},
}

func begin(t *testing.T, store objstore.Store, o *objstore.Object) string {
	t.Helper()
	id, err := store.Begin(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func blank(n int64) objstore.Body {
	return objstore.Body{ReaderAt: bytes.NewReader(make([]byte, n)), Size: n}
}

// manyParts are so many that the request to complete an upload has a large body. Only Google's must have been sent: it has
// the last bytes of the object.
func manyParts(t *testing.T, store objstore.Store, o *objstore.Object, id string) []objstore.Part {
	t.Helper()
	limits := store.Limits()
	if limits.Sequential {
		part, err := store.PutPart(t.Context(), o, id, 1, blank(limits.Align+200<<10))
		if err != nil {
			t.Fatal(err)
		}
		return []objstore.Part{part}
	}
	sum := checksum.Of(limits.Algorithm, []byte{0})
	parts := make([]objstore.Part, limits.MaxParts)
	for i := range parts {
		parts[i] = objstore.Part{Number: i + 1, Size: 1, Sum: sum, Tag: `"0123456789abcdef0123456789abcdef"`}
		if limits.Algorithm == objstore.CRC64 {
			parts[i].Tag = blockID(t, id, i+1, sum)
		}
	}
	return parts
}

// blockID is that of a part of an upload to Azure: see package azure.
func blockID(t *testing.T, upload string, number int, sum objstore.Sum) string {
	t.Helper()
	id, err := hex.DecodeString(upload)
	if err != nil {
		t.Fatal(err)
	}
	crc, err := base64.StdEncoding.DecodeString(sum.Value)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(id, uint32(number)), crc...))
}

// TestTakenKey writes large objects to keys that are taken. The stores themselves refuse, each in its own way: versitygw
// and Azurite close with the body unread.
func TestTakenKey(t *testing.T) {
	plain := func(tb testing.TB) *backend {
		tb.Helper()
		server := teststores.Versitygw(tb, teststores.S3Options{Plain: true})
		b := s3Backend(tb, server, server.Bucket(tb, bucket))
		https := b.settings
		b.settings = func(address string) uploader.Config {
			c := https(address)
			c.S3.Endpoint = "http://" + address
			return c
		}
		return b
	}
	for name, open := range map[string]func(testing.TB) *backend{
		"S3": backends["S3"], "S3 without TLS": plain, "Azure": backends["Azure"], "GCS": backends["GCS"],
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			store := b.at(t, b.address)
			o := &objstore.Object{Key: "taken"}
			if _, err := store.Put(t.Context(), o, blank(1)); err != nil {
				t.Fatal(err)
			}
			body := blank(8 << 20)
			for range attempts {
				began := time.Now()
				if _, err := store.Put(t.Context(), o, body); objstore.ClassOf(err) != objstore.Exists {
					t.Fatalf("got %s: %v", objstore.ClassOf(err), err)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("it took %s", took)
				}
			}
		})
	}
}
