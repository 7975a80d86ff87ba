package tools

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseURIs(t *testing.T) {
	const out = `Reading package lists...
'http://a.example.com/d/dash_0.5.12-2_amd64.deb' dash_0.5.12-2_amd64.deb 97120 MD5Sum:00
'http://a.example.com/s/bash_5.2.15-2+b7_amd64.deb' bash_5.2.15-2+b7_amd64.deb 1491016 
`
	want := []string{"bash_5.2.15-2+b7_amd64.deb 1491016", "dash_0.5.12-2_amd64.deb 97120 MD5Sum:00"}
	if diff := cmp.Diff(want, parseURIs(out)); diff != "" {
		t.Error(diff)
	}
	if hashOf(want) == hashOf(want[:1]) {
		t.Error("another version has the same hash")
	}
}
