package profile

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/test/toolmatrix"
)

const renderedOnly = "rendered only"

// provedWith returns for <tool>.<store>.<mode> what was run, from the data that the end-to-end test runs.
func provedWith(t *testing.T) map[string]string {
	t.Helper()
	programs, servers, err := toolmatrix.Read(os.DirFS(filepath.Join("..", "e2e", "proof")))
	if err != nil {
		t.Fatal(err)
	}
	proved := map[string]string{}
	for i := range programs {
		for j := range programs[i].Proofs {
			program, proof := &programs[i], &programs[i].Proofs[j]
			variants := map[string][]string{}
			var modes []string
			for _, of := range proof.Modes {
				mode, variant := toolmatrix.Mode(of)
				if err := checkProof(t, program.Tool, proof, mode); err != nil {
					t.Error(err)
				}
				if !slices.Contains(modes, mode) {
					modes = append(modes, mode)
				}
				variants[mode] = append(variants[mode], cmp.Or(variant, "plain"))
			}
			for _, mode := range modes {
				text := fmt.Sprintf("%s %s, %s %s", program.Name, program.Version, proof.Server, servers[proof.Server])
				if proof.Location == toolmatrix.Cloud {
					text += " †"
				}
				if ran := strings.Join(variants[mode], ", "); ran != "plain" {
					text += " (" + ran + ")"
				}
				key := program.Tool + "." + proof.Store + "." + mode
				proved[key] = strings.TrimPrefix(proved[key]+"; "+text, "; ")
			}
		}
	}
	return proved
}

// checkProof refuses what the tables do not have, or refuse themselves.
func checkProof(t *testing.T, tool string, proof *toolmatrix.Proof, of string) error {
	t.Helper()
	at := slices.IndexFunc(stores[:], func(s Store) bool { return s.Name == proof.Store })
	if at < 0 {
		return fmt.Errorf("a proof of %s: there is no store %q", tool, proof.Store)
	}
	s := &stores[at]
	at = slices.IndexFunc(s.modes, func(m Mode) bool { return m.Name == of })
	if at < 0 {
		return fmt.Errorf("a proof of %s: %s has no auth mode %q", tool, s.Name, of)
	}
	if tool == SDK {
		return nil
	}
	d := dialectOf(v1alpha1.Tool(tool))
	if d == nil {
		return fmt.Errorf("a proof of %s: there is no such tool", tool)
	}
	spec := example(t, s, &s.modes[at])
	if proof.Location == toolmatrix.Endpoint {
		setEndpoint(spec)
	}
	r := Resolve(spec)
	if why := d.findRefusal(&r); why != "" {
		return fmt.Errorf("a proof of %s with %s.auth.%s, which is refused: %s", tool, s.Name, of, why)
	}
	return nil
}

// TestCheckProof sees to it that the page cannot show what the webhook would not let run.
func TestCheckProof(t *testing.T) {
	tests := map[string]struct {
		tool, store, mode string
		location          toolmatrix.Location
		want              string
	}{
		"good":                      {"restic", "s3", "accessKey", toolmatrix.Endpoint, ""},
		"the SDKs":                  {SDK, "s3", "webIdentity", toolmatrix.Endpoint, ""},
		"good in the cloud only":    {"restic", "s3", "webIdentity", toolmatrix.Cloud, ""},
		"refused for its location":  {"restic", "s3", "webIdentity", toolmatrix.Endpoint, "which is refused: its S3 library"},
		"refused for its auth mode": {"xbcloud", "s3", "webIdentity", toolmatrix.Cloud, "which is refused: knows access keys"},
		"an unknown tool":           {"tar", "s3", "accessKey", toolmatrix.Endpoint, "there is no such tool"},
		"an unknown store":          {"restic", "ftp", "accessKey", toolmatrix.Endpoint, `there is no store "ftp"`},
		"an unknown auth mode":      {"restic", "s3", "password", toolmatrix.Endpoint, `s3 has no auth mode "password"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := checkProof(t, test.tool, &toolmatrix.Proof{Store: test.store, Location: test.location}, test.mode)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func setEndpoint(spec *v1alpha1.CredentialProfileSpec) {
	switch {
	case spec.Azure != nil:
		spec.Azure.Endpoint = "https://blobs.example.com"
	case spec.GCS != nil:
		spec.GCS.Endpoint = "https://storage.example.com"
	default:
		spec.S3.Endpoint = "https://s3.example.com"
		if spec.S3.Auth.WebIdentity != nil {
			spec.S3.Auth.WebIdentity.STSEndpoint = "https://sts.example.com"
		}
	}
}
