package upload_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tokenModes are the auth modes of each store that ask a token service, which is the store's own address here.
var tokenModes = map[string][]string{
	"S3": {"webIdentity", "podIdentity"}, "Azure": {"workloadIdentity"}, "GCS": {"workloadIdentityFederation", "gkeWorkloadIdentity"},
}

// tokenAttacks are what the token services do.
var tokenAttacks = map[string]attack{
	"it says nothing":        attacks["it says nothing"],
	"it stops in the answer": {raw("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", ""), []string{stopped}},
	"an endless refusal":     attacks["an endless refusal"],
	"an endless answer":      {flood(200, `{"access_token": "`), []string{"of status 200, is longer than 1048576 bytes", "the answer cannot be read", "failed to unmarshal"}},
	"an endless header":      attacks["an endless header"],
	"a page":                 attacks["a page"],
	"a refusal that is deep": attacks["JSON that is deep"],
}

// tokensAreAttacked has the doctor ask token services that attack, by each auth mode.
func (p *pod) tokensAreAttacked() {
	for _, mode := range tokenModes[p.name] {
		for what, a := range tokenAttacks {
			p.Run(mode+"/"+what, func(t *testing.T) {
				attacked := newPod(t, p.backend)
				attacked.hostile(a, func(*http.Request) bool { return true })
				file := filepath.Join(t.TempDir(), "token")
				p.must(os.WriteFile(file, []byte(head+"."+tail), 0o600))
				attacked.authenticate(attacked.fileAuth(mode, file))
				if mode == "gkeWorkloadIdentity" {
					// The client of the metadata server speaks no TLS.
					attacked.secrets = append([]string{}, "GCE_METADATA_HOST="+plainAttack(t, a))
				}
				r := attacked.start("doctor", "--patience=1s", "--stall-timeout=1s")
				attacked.survives(r, mode+", "+what, a, 1)
				if text := r.text(); !strings.Contains(text, "FAIL  token exchange") || strings.Contains(text, tail) {
					t.Errorf("got %s", text)
				}
			})
		}
	}
}

// plainAttack serves an attack without TLS, and returns its address.
func plainAttack(t *testing.T, a attack) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(a.do))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}
