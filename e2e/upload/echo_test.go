package upload_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"

	"lighterman.dev/lighterman/uploader"
)

// echo answers every request with all that is in it, in each place of an answer that is read, as a debugging proxy may. What a token
// service is asked for it answers with a token that is a secret.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	r.Body = http.NoBody
	request, _ := httputil.DumpRequest(r, false)
	text := strings.Join(strings.Fields(string(request)+" "+string(body)), " ")
	asJSON, _ := json.Marshal(text)
	var asXML bytes.Buffer
	_ = xml.EscapeText(&asXML, []byte(text))
	h := w.Header()
	for _, name := range []string{"X-Amz-Request-Id", "X-Amz-Id-2", "X-Ms-Request-Id", "X-Ms-Error-Code", "Www-Authenticate", "Location"} {
		h.Set(name, text)
	}
	switch {
	case strings.HasSuffix(r.URL.Path, "/openid-configuration"):
		base := "https://" + r.Host + "/" + tenant
		fmt.Fprintf(w, `{"issuer": "%[1]s/v2.0", "authorization_endpoint": "%[1]s/authorize", "token_endpoint": "%[1]s/token"}`, base)
	case r.URL.Path == "/v1/token":
		fmt.Fprintf(w, `{"access_token": "%s.%s", "expires_in": 3600, "token_type": "Bearer", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}`, head, tail)
	case strings.Contains(r.URL.Path, tenant):
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error": "invalid_client", "error_description": %s, "error_codes": [1]}`, asJSON)
	case strings.HasPrefix(r.URL.Path, "/storage/") || strings.HasPrefix(r.URL.Path, "/upload/"):
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"error": {"code": 400, "message": %[1]s, "errors": [{"reason": %[1]s, "message": %[1]s}]}}`, asJSON)
	default:
		h.Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusBadRequest)
		text := fmt.Sprintf("<Error><Code>%[1]s</Code><Message>%[1]s</Message><RequestId>%[1]s</RequestId></Error>", asXML.String())
		if strings.Contains(string(body), "Action=") {
			text = "<ErrorResponse>" + text + "</ErrorResponse>"
		}
		io.WriteString(w, text)
	}
}

// echoed are the secrets that are sent to each store or its token services, by mode.
var echoed = map[string]map[string][]string{
	"S3": {
		"accessKey":   {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"},
		"webIdentity": nil, "podIdentity": nil,
	},
	"Azure": {
		"sasToken":         {"AZURE_STORAGE_SAS_TOKEN"},
		"connectionString": {"AZURE_STORAGE_CONNECTION_STRING"},
		"servicePrincipal": {"AZURE_CLIENT_SECRET"}, "workloadIdentity": nil,
	},
	"GCS": {"workloadIdentityFederation": nil},
}

// secretsAreSentBack has a server that sends every secret back to whom it has it from.
func (p *pod) secretsAreSentBack() {
	p.between(func(w http.ResponseWriter, r *http.Request) bool {
		echo(w, r)
		return true
	})
	const secret = head + "/" + tail + "+x"
	for mode, variables := range echoed[p.name] {
		file := filepath.Join(p.TempDir(), "file")
		p.must(os.WriteFile(file, []byte(head+"."+tail), 0o600))
		auth := p.fileAuth(mode, file)
		if len(variables) > 0 {
			auth.File, auth.SecretsDirectory = "", p.TempDir()
			for _, name := range variables {
				p.must(os.WriteFile(filepath.Join(auth.SecretsDirectory, uploader.SecretFile(name)), []byte(p.secretValue(name, secret)), 0o600))
			}
		}
		if mode == "servicePrincipal" {
			auth.AuthorityHost = strings.TrimSuffix(p.config.Azure.Endpoint, "/acct1")
		}
		p.authenticate(auth)
		code, message, r := p.preflightWith("--log-level=debug")
		d := p.start("doctor", "--patience=1s")
		if doctor := d.code(); code != 1 || doctor != 1 {
			p.Errorf("%s: the preflight ends with %d, the doctor with %d", mode, code, doctor)
		}
		text := r.text() + message + d.text()
		if !strings.Contains(text, "[secret]") {
			p.Errorf("%s: no secret was sent back: %s", mode, text)
		}
		for _, piece := range []string{head, tail} {
			if strings.Contains(text, piece) {
				p.Errorf("%s: a piece of the secret is shown: %s", mode, text)
			}
		}
	}
}

// secretValue is the value of a variable with a secret in it.
func (p *pod) secretValue(name, secret string) string {
	switch name {
	case "AZURE_STORAGE_SAS_TOKEN":
		return "sv=2026-06-06&sp=rcwdl&sig=" + strings.ReplaceAll(secret, "+", "%2B")
	case "AZURE_STORAGE_CONNECTION_STRING":
		return "BlobEndpoint=" + p.config.Azure.Endpoint + ";SharedAccessSignature=sv=1&sig=" + strings.ReplaceAll(secret, "+", "%2B")
	}
	return secret
}

// preflightWith is preflight with more flags.
func (p *pod) preflightWith(flags ...string) (code int, message string, r *process) {
	p.Helper()
	r = p.start(append([]string{"preflight", "--termination-log", p.termination}, flags...)...)
	code = r.code()
	return code, p.reason(), r
}
