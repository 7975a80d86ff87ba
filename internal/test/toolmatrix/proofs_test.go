package toolmatrix_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/internal/test/toolmatrix"
)

const good = `
tool: restic
version: 0.18.1
versionCommand: [restic, version]
image: tools
proofs:
- {store: s3, server: gateway, location: endpoint, modes: [accessKey, accessKey+sessionToken]}
- {store: s3, server: gateway, location: cloud, script: other.sh, modes: [webIdentity]}
`

func read(program string) ([]toolmatrix.Program, toolmatrix.Servers, error) {
	return toolmatrix.Read(fstest.MapFS{
		"servers.yaml":                 {Data: []byte("gateway: 1.2.3\n")},
		"programs/restic/program.yaml": {Data: []byte(program)},
		"programs/restic/s3.sh":        {},
		"programs/restic/other.sh":     {},
	})
}

func TestRead(t *testing.T) {
	programs, servers, err := read(good)
	if err != nil {
		t.Fatal(err)
	}
	want := []toolmatrix.Program{{
		Name: "restic", Tool: "restic", Version: "0.18.1", VersionCommand: []string{"restic", "version"}, Image: "tools",
		Proofs: []toolmatrix.Proof{
			{Store: "s3", Server: "gateway", Location: toolmatrix.Endpoint, Modes: []string{"accessKey", "accessKey+sessionToken"}},
			{Store: "s3", Server: "gateway", Location: toolmatrix.Cloud, Script: "other.sh", Modes: []string{"webIdentity"}},
		},
	}}
	if diff := cmp.Diff(want, programs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(toolmatrix.Servers{"gateway": "1.2.3"}, servers); diff != "" {
		t.Error(diff)
	}
}

// Each wrong program says what is wrong.
func TestReadRefuses(t *testing.T) {
	tests := map[string]struct{ old, new, want string }{
		"an unknown field":    {"image:", "picture:", `unknown field "picture"`},
		"no version":          {"version: 0.18.1", "", "are required"},
		"an unknown server":   {"server: gateway", "server: other", `server "other"`},
		"an unknown location": {"location: cloud", "location: moon", `location "moon"`},
		"a script that lacks": {"other.sh", "none.sh", "none.sh"},
		"no modes":            {"[webIdentity]", "[]", "modes are required"},
		"a mode twice":        {"[webIdentity]", "[accessKey]", "s3.accessKey is there twice"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := read(strings.Replace(good, test.old, test.new, 1))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestMode(t *testing.T) {
	if mode, variant := toolmatrix.Mode("accessKey+sessionToken"); mode != "accessKey" || variant != "sessionToken" {
		t.Errorf("%q, %q", mode, variant)
	}
	if mode, variant := toolmatrix.Mode("accessKey"); mode != "accessKey" || variant != "" {
		t.Errorf("%q, %q", mode, variant)
	}
}
