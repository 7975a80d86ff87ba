package index_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/uploader/index"
	"lighterman.dev/lighterman/uploader/manifest"
)

// TestFormat compares the text byte for byte: entries are read for years.
func TestFormat(t *testing.T) {
	e := &index.Entry{
		Format: index.Format, Run: "6f1c", Pod: "dump-x", Namespace: "payments", Series: "orders", State: manifest.Drained,
		Started: time.Unix(1, 0).UTC(), Written: time.Unix(2, 5).UTC(), Files: 3, Bytes: 4, Manifest: "p/<é>",
		ManifestSHA256: strings.Repeat("0a", 32), Profile: "CredentialProfile b", Uploader: "v1",
	}
	const want = `{"format":1,"run":"6f1c","pod":"dump-x","namespace":"payments","series":"orders","state":"drained",` +
		`"started":"1970-01-01T00:00:01Z","written":"1970-01-01T00:00:02.000000005Z","files":3,"bytes":4,` +
		`"manifest":"p/<é>","manifestSHA256":"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",` +
		`"profile":"CredentialProfile b","uploader":"v1"}` + "\n"
	got, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	newer := strings.Replace(want, "{", `{"later":[1],`, 1)
	read, err := index.Decode(strings.NewReader(newer))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(e, read); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":1,"run":"r","namespace":"n","series":"s","state":"complete","files":1,"bytes":2,"manifest":"m",` +
		`"manifestSHA256":"0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"}`))
	f.Add([]byte(`{"format":1,"bytes":-1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := index.Decode(bytes.NewReader(text))
		if err != nil {
			return
		}
		again, err := e.Encode()
		if err != nil {
			if strings.Contains(err.Error(), "is the most") || strings.Contains(err.Error(), "year outside") {
				return // Its fields may be longer than an entry's, once they are escaped.
			}
			t.Fatal(err)
		}
		read, err := index.Decode(bytes.NewReader(again))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, read); diff != "" {
			t.Errorf("-first +again:\n%s", diff)
		}
	})
}
