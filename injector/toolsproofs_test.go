package injector

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/proofs"
)

const renderedOnly = "rendered only"

// provedWith gives for <tool>.<store>.<mode> what was run, from the data that the end-to-end test runs.
func provedWith(t *testing.T) map[string]string {
	t.Helper()
	programs, servers, err := proofs.Read(os.DirFS(filepath.Join("..", "e2e", "proof")))
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
				mode, variant := proofs.Mode(of)
				checkProof(t, program.Tool, proof, mode)
				if !slices.Contains(modes, mode) {
					modes = append(modes, mode)
				}
				if variant != "" {
					variants[mode] = append(variants[mode], variant)
				}
			}
			for _, mode := range modes {
				text := fmt.Sprintf("%s %s, %s %s", program.Name, program.Version, proof.Server, servers[proof.Server])
				if proof.Location == proofs.Cloud {
					text += " †"
				}
				if len(variants[mode]) > 0 {
					text += " (" + strings.Join(variants[mode], ", ") + ")"
				}
				key := program.Tool + "." + proof.Store + "." + mode
				proved[key] = strings.TrimPrefix(proved[key]+"; "+text, "; ")
			}
		}
	}
	return proved
}

// checkProof fails for what the tables do not have, or refuse.
func checkProof(t *testing.T, tool string, proof *proofs.Proof, of string) {
	t.Helper()
	at := slices.IndexFunc(stores[:], func(s store) bool { return s.name == proof.Store })
	if at < 0 {
		t.Fatalf("a proof of %s: there is no store %q", tool, proof.Store)
	}
	s := &stores[at]
	at = slices.IndexFunc(s.modes, func(m mode) bool { return m.name == of })
	if at < 0 {
		t.Fatalf("a proof of %s: %s has no auth mode %q", tool, proof.Store, of)
	}
	if tool == sdk {
		return
	}
	d := dialectOf(v1alpha1.Tool(tool))
	if d == nil {
		t.Fatalf("a proof of %s: there is no such tool", tool)
	}
	e := environment{spec: example(t, s, &s.modes[at]), store: s, mode: &s.modes[at]}
	if proof.Location == proofs.Endpoint {
		setEndpoint(e.spec)
	}
	if why := d.refusal(&e); why != "" {
		t.Errorf("a proof of %s with %s.auth.%s, which is refused: %s", tool, s.name, of, why)
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
