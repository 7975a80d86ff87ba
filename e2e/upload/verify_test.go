package upload_test

import (
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/azure"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/serve"
)

// TestVerify has the sidecar store a run in each kind of store, checks it by the URL of its manifest, and then damages it.
func TestVerify(t *testing.T) {
	for kind, test := range map[string]struct {
		config func(*testing.T) (c uploader.Config, root string)
		open   func(*uploader.Config) (uploader.Store, error)
		// quick says whether other bytes of the same size are seen without reading them.
		quick bool
	}{
		"S3, which keeps a checksum": {
			config: func(t *testing.T) (uploader.Config, string) {
				t.Helper()
				server := serve.Versitygw(t, serve.S3Options{})
				where := locate(t, server, server.BareBucket(t, "backups"))
				return uploader.Config{S3: &where, CAFile: server.CAFile}, "s3://backups/"
			},
			open: func(c *uploader.Config) (uploader.Store, error) {
				return s3.New(*c.S3, transport.Options{CAFile: c.CAFile})
			},
			quick: true,
		},
		"Azure, which keeps none": {
			config: func(t *testing.T) (uploader.Config, string) {
				t.Helper()
				server := serve.Azurite(t)
				t.Setenv("AZURE_STORAGE_KEY", server.Key)
				return uploader.Config{CAFile: server.CAFile, Azure: &uploader.Azure{
					Account: serve.Account, Container: server.Container(t, "backups"), Endpoint: server.Endpoint, Auth: uploader.Auth{Mode: "accountKey"},
				}}, server.Endpoint + "/backups/"
			},
			open: func(c *uploader.Config) (uploader.Store, error) {
				return azure.New(*c.Azure, transport.Options{CAFile: c.CAFile})
			},
		},
		"Google, where every write has a generation": {
			config: func(t *testing.T) (uploader.Config, string) {
				t.Helper()
				server := serve.FakeGCS(t)
				t.Setenv("GCE_METADATA_HOST", server.Metadata(t))
				return uploader.Config{CAFile: server.CAFile, GCS: &uploader.GCS{
					Bucket: server.Bucket(t, "backups"), Endpoint: server.Endpoint, Auth: uploader.Auth{Mode: "ambient"},
				}}, "gs://backups/"
			},
			open: func(c *uploader.Config) (uploader.Store, error) {
				return gcs.New(*c.GCS, transport.Options{CAFile: c.CAFile})
			},
			quick: true,
		},
	} {
		t.Run(kind, func(t *testing.T) {
			config, root := test.config(t)
			store, err := test.open(&config)
			if err != nil {
				t.Fatal(err)
			}
			p := podWith(t, store, config)
			p.write("orders.dump", 3<<20)
			p.write("customers.dump", 1000)
			p.ended(p.sidecar())
			url := root + p.prefix + "/ns/pod/.lighterman/uid/manifest.json"
			p.verifies(url, "2 files of ns/pod are as they were stored")
			p.verifies(url, "2 files of ns/pod are as they were stored", "--quick")
			p.refuses(strings.Replace(url, "backups", "others", 1), "is not in the store")

			p.replace("orders.dump", 3<<20)
			p.refuses(url, "FAIL  orders.dump: ")
			if test.quick {
				p.refuses(url, "FAIL  orders.dump: ", "--quick")
			} else {
				p.verifies(url, "ok    orders.dump", "--quick")
			}
			p.replace("orders.dump", 3<<20-1)
			p.refuses(url, "FAIL  orders.dump: ", "--quick")
			p.must(store.Delete(t.Context(), p.prefix+"/ns/pod/customers.dump", ""))
			p.refuses(url, "FAIL  customers.dump: ", "--quick")
			p.refuses(url, "2 of 2 files are not what was stored")
		})
	}
}

// replace puts other bytes in the place of a file's object.
func (p *pod) replace(name string, size int) {
	p.Helper()
	o := &uploader.Object{Key: p.prefix + "/ns/pod/" + name, Overwrite: true}
	body := uploader.Body{ReaderAt: zeros{}, Size: int64(size)}
	_, err := p.store.Put(p.Context(), o, body)
	p.must(err)
}

// zeros is a file of nothing but zeros.
type zeros struct{}

func (zeros) ReadAt(b []byte, _ int64) (int, error) {
	clear(b)
	return len(b), nil
}

func (p *pod) verifies(url, says string, flags ...string) {
	p.Helper()
	if out, err := p.command(append([]string{"verify", url}, flags...)...).CombinedOutput(); err != nil || !strings.Contains(string(out), says) {
		p.Errorf("verify %s %v: %v, want %q in:\n%s", url, flags, err, says, out)
	}
}

func (p *pod) refuses(url, says string, flags ...string) {
	p.Helper()
	if out, err := p.command(append([]string{"verify", url}, flags...)...).CombinedOutput(); err == nil || !strings.Contains(string(out), says) {
		p.Errorf("verify %s %v: %v, want %q in:\n%s", url, flags, err, says, out)
	}
}
