package upload_test

import (
	"maps"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader/objstore"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// TestVerify has the sidecar store a run in each kind of store, checks it by the URL of its manifest, and then damages it.
func TestVerify(t *testing.T) {
	stores := maps.Clone(backends)
	// A bucket with versions keeps what the manifest names.
	stores["S3"] = func(tb testing.TB) *backend {
		tb.Helper()
		server := teststores.Versitygw(tb, teststores.S3Options{})
		return s3Backend(tb, server, server.BareBucket(tb, bucket))
	}
	for kind, open := range stores {
		t.Run(kind, func(t *testing.T) {
			p := newPod(t, open(t))
			r := p.sidecar()
			p.write("orders.dump", p.data(3<<20))
			p.write("customers.dump", p.data(1000))
			p.drained(r)
			url := p.root() + bucket + "/" + p.manifestKey()
			p.verify(url, 0, "2 files of ns/pod are as they were stored")
			p.verify(url, 0, "2 files of ns/pod are as they were stored", "--quick")
			p.verify(strings.Replace(url, bucket, "others", 1), 1, "is not in the store")

			p.replace("orders.dump", 3<<20)
			p.verify(url, 1, "FAIL  orders.dump: ")
			if kind == "Azure" { // It keeps no checksum of a whole object, and this one is as large as that was.
				p.verify(url, 0, "ok    orders.dump", "--quick")
			} else {
				p.verify(url, 1, "FAIL  orders.dump: ", "--quick")
			}
			p.replace("orders.dump", 3<<20-1)
			p.verify(url, 1, "FAIL  orders.dump: ", "--quick")
			p.must(p.store.Delete(t.Context(), p.key("customers.dump"), ""))
			p.verify(url, 1, "FAIL  customers.dump: ", "--quick")
			p.verify(url, 1, "2 of 2 files are not what was stored")
		})
	}
}

// root is where the URLs of the store's buckets begin.
func (p *pod) root() string {
	switch {
	case p.config.Azure != nil:
		return p.config.Azure.Endpoint + "/"
	case p.config.GCS != nil:
		return "gs://"
	default:
		return "s3://"
	}
}

// replace puts other bytes in the place of a file's object.
func (p *pod) replace(name string, size int64) {
	p.Helper()
	_, err := p.store.Put(p.Context(), &objstore.Object{Key: p.key(name), Overwrite: true}, objstore.Body{ReaderAt: zeros{}, Size: size})
	p.must(err)
}

// zeros is a file of nothing but zeros.
type zeros struct{}

func (zeros) ReadAt(b []byte, _ int64) (int, error) {
	clear(b)
	return len(b), nil
}

// verify checks how the command ends, and what it says.
func (p *pod) verify(url string, code int, says string, flags ...string) {
	p.Helper()
	r := p.start(append([]string{"verify", url}, flags...)...)
	if got := r.code(); got != code {
		p.Errorf("verify %s %v ends with %d instead of %d", url, flags, got, code)
	}
	r.says(says)
}
