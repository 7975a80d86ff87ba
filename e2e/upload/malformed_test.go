package upload_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"lighterman.dev/lighterman/uploader"
)

// The pieces of each secret in these tests. Neither may be in any text.
const head, tail = "HeadOfTheSecret", "TailOfTheSecret"

// malformations are what stands between the pieces of a secret. The names of the last two are those of what is left of it.
var malformations = map[string]string{
	"a line break": "\n", "a line break of Windows": "\r\n", "a tab": "\t", "an escape": "\x1b[31m", "a zero byte": "\x00",
	"bytes that are no text": "\xff\xfe", "a space": " ", "a space that does not break": "\u00a0",
	"a mark of the byte order": "\ufeff", "a letter that is not of ASCII": "é",
	nothing: "", blanks: "",
}

const nothing, blanks = "nothing", "blanks alone"

// secretKind is a kind of secret of an auth mode, which is a text around the pieces.
type secretKind struct {
	variable      string
	before, after string
	// good are the malformations that make a secret which a store can be asked with.
	good []string
}

// text is the secret in the file that the kubelet writes.
func (k secretKind) text(name string) string {
	switch name {
	case nothing:
		return ""
	case blanks:
		return " \n\t\n"
	}
	return k.before + head + malformations[name] + tail + k.after
}

// notSent are malformations of a key that signs and is not sent.
var notSent = []string{"a space", "a space that does not break", "a mark of the byte order", "a letter that is not of ASCII"}

var secretKinds = map[string]map[string][]secretKind{
	"S3": {"accessKey": {
		{variable: "AWS_ACCESS_KEY_ID"},
		{variable: "AWS_SECRET_ACCESS_KEY", good: notSent},
		{variable: "AWS_SESSION_TOKEN", good: []string{nothing, blanks}},
	}},
	"Azure": {
		"accountKey": {{variable: "AZURE_STORAGE_KEY", after: "==", good: []string{"a line break", "a line break of Windows"}}},
		"sasToken": {
			{variable: "AZURE_STORAGE_SAS_TOKEN", before: "sv=2026-06-06&sp=rcwdl&sig=", after: "%3D"},
			{variable: "AZURE_STORAGE_SAS_TOKEN", before: "?sv=2026-06-06&sp=", after: "&signature=x"},
		},
		"connectionString": {
			{variable: "AZURE_STORAGE_CONNECTION_STRING", before: "AccountName=acct1;AccountKey=", after: "==;BlobEndpoint=https://127.0.0.1:1/acct1"},
			{variable: "AZURE_STORAGE_CONNECTION_STRING", before: "BlobEndpoint=https://127.0.0.1:1/acct1;SharedAccessSignature=sv=1&sig="},
			{variable: "AZURE_STORAGE_CONNECTION_STRING", before: "BlobEndpoint=https://", after: "/;SharedAccessSignature=sv=1&sig=x"},
		},
		"servicePrincipal": {{variable: "AZURE_CLIENT_SECRET"}},
	},
}

// otherSecrets are those that the modes need besides.
var otherSecrets = map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testsecret123"}

// secretsAreMalformed has each kind of secret of the store malformed in each way.
func (p *pod) secretsAreMalformed() {
	asked := p.counted()
	for mode, kinds := range secretKinds[p.name] {
		for _, kind := range kinds {
			for name := range malformations {
				dir := p.secretFiles(kind, name)
				auth := uploader.Auth{Mode: mode, SecretsDirectory: dir, SecretKeys: map[string]string{kind.variable: "Secret s, key k"}}
				if mode == "servicePrincipal" {
					auth.ClientID, auth.TenantID = tenant, tenant
				}
				p.authenticate(auth)
				p.malformed(asked, mode+" "+kind.variable+" with "+name, slices.Contains(kind.good, name))
			}
		}
	}
}

// secretFiles makes the directory of a mode's secrets, of which one is malformed.
func (p *pod) secretFiles(kind secretKind, name string) string {
	dir := p.TempDir()
	for variable, value := range otherSecrets {
		p.must(os.WriteFile(filepath.Join(dir, uploader.SecretFile(variable)), []byte(value), 0o600))
	}
	p.must(os.WriteFile(filepath.Join(dir, uploader.SecretFile(kind.variable)), []byte(kind.text(name)), 0o600))
	return dir
}

// authenticate makes the sidecar authenticate otherwise.
func (p *pod) authenticate(auth uploader.Auth) {
	switch {
	case p.config.S3 != nil:
		p.config.S3.Auth = auth
	case p.config.Azure != nil:
		p.config.Azure.Auth = auth
	default:
		p.config.GCS.Auth = auth
	}
}

// counted puts a counter of requests between the sidecar and the store.
func (p *pod) counted() *atomic.Int64 {
	p.Helper()
	var asked atomic.Int64
	p.between(func(http.ResponseWriter, *http.Request) bool {
		asked.Add(1)
		return false
	})
	return &asked
}

// malformed runs preflight and doctor with what no request can be made of: both end at once, no server is asked for anything but
// whether it is there, and no text shows a piece of the secret. Where it is good, the last alone counts.
func (p *pod) malformed(asked *atomic.Int64, what string, good bool) {
	p.Helper()
	asked.Store(0)
	p.must(os.RemoveAll(p.termination))
	var texts string
	if !good { // Otherwise a store that does not know the key is asked for half a minute.
		code, message, r := p.preflight()
		texts = r.text() + message
		if code != 1 || message == "" {
			p.Errorf("%s: the preflight ends with %d: %s", what, code, message)
		}
		if n := asked.Load(); n != 0 || strings.Contains(texts, "retry request") {
			p.Errorf("%s: the store was asked %d times: %s", what, n, texts)
		}
		if strings.Contains(texts, "cannot be reached") {
			p.Errorf("%s: the store is blamed: %s", what, texts)
		}
	}
	d := p.start("doctor", "--patience=1s")
	code := d.code()
	texts += d.text()
	if n := asked.Load(); !good && (code != 1 || n > 1) { // It asks the endpoint, apart from any secret.
		p.Errorf("%s: the doctor ends with %d, and asked the store %d times: %s", what, code, n, d.text())
	}
	for _, piece := range []string{head, tail} {
		if strings.Contains(texts, piece) {
			p.Errorf("%s: a piece of the secret is shown: %s", what, texts)
		}
	}
}

// fileKinds are the modes that read a file, and files that are no good. %SECRET% is where the pieces of a secret are.
var fileKinds = map[string]map[string][]string{
	"S3": {
		"credentialsFile": {
			"", "\n\n", "%SECRET%", "[default]\n%SECRET%\n", "[other]\naws_access_key_id = a\naws_secret_access_key = %SECRET%\n",
			"[default]\naws_access_key_id = %SECRET%\n", "[default]\naws_access_key_id = a b\naws_secret_access_key = %SECRET%\n",
			"[default]\naws_access_key_id = a\naws_secret_access_key = %SECRET%\naws_session_token = %SECRET% é\n",
			"[default\naws_access_key_id = a\naws_secret_access_key = %SECRET%\n", "\ufeff[default]\naws_access_key_id = a\naws_secret_access_key = %SECRET%\n",
		},
		"webIdentity": tokens, "podIdentity": tokens,
	},
	"Azure": {
		"servicePrincipal": {
			"", "\n", "%SECRET%", "-----BEGIN PRIVATE KEY-----\n%SECRET%\n-----END PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\n%SECRET%\n",
			"-----BEGIN PRIVATE KEY-----%SECRET%-----END PRIVATE KEY-----", "\x00%SECRET%", "{\"%SECRET%\"}", "%SECRET%\n%SECRET%",
			"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n%SECRET%\n-----END CERTIFICATE-----\n",
		},
		"workloadIdentity": tokens,
	},
	"GCS": {
		"serviceAccountKey": {
			"", "\n", "%SECRET%", `"%SECRET%"`, `{"type": "service_account", "private_key": "%SECRET%`, `{"private_key": "%SECRET%"}`,
			`{"type": "authorized_user", "refresh_token": "%SECRET%"}`, `{"type": "%SECRET%"}`,
			`{"type": "service_account", "client_email": "a@b", "private_key": "%SECRET%"}`, `["%SECRET%"]`, `{"type": 1, "private_key": "%SECRET%"}`,
			`{"type": "service_account", "client_email": "a@b", "private_key": "-----BEGIN PRIVATE KEY-----\n%SECRET%\n-----END PRIVATE KEY-----\n"}`,
			"{\"type\": \"service_account\", \"private_key\": \"-----BEGIN PRIVATE KEY-----\n%SECRET%\"}", "\ufeff{\"private_key\": \"%SECRET%\"}",
		},
		"workloadIdentityFederation": tokens,
	},
}

// tokens are service-account tokens that no request can carry.
var tokens = []string{missing, "", "\n", "\x00%SECRET%", "%SECRET%\n%SECRET%", "%SECRET%\x7f", "\xff%SECRET%"}

// missing is a file that is not there.
const missing = "missing"

// filesAreMalformed has each file of credentials malformed.
func (p *pod) filesAreMalformed() {
	asked := p.counted()
	for mode, texts := range fileKinds[p.name] {
		for _, text := range texts {
			file := filepath.Join(p.TempDir(), "file")
			if text != missing {
				p.must(os.WriteFile(file, []byte(strings.ReplaceAll(text, "%SECRET%", head+tail)), 0o600))
			}
			p.authenticate(p.fileAuth(mode, file))
			p.malformed(asked, mode+" with the file "+text, false)
		}
	}
}

// fileAuth is how the sidecar authenticates with the file of a mode. Each token service is the store.
func (p *pod) fileAuth(mode, file string) uploader.Auth {
	auth := uploader.Auth{Mode: mode, File: file}
	switch mode {
	case "webIdentity":
		auth = uploader.Auth{Mode: mode, TokenFile: file, RoleARN: "arn:aws:iam::111122223333:role/backup", STSEndpoint: p.config.S3.Endpoint}
	case "podIdentity":
		auth = uploader.Auth{Mode: mode, TokenFile: file, CredentialsURL: p.config.S3.Endpoint}
	case "servicePrincipal":
		auth.ClientID, auth.TenantID = tenant, tenant
	case "workloadIdentity":
		address := strings.TrimSuffix(p.config.Azure.Endpoint, "/acct1")
		auth = uploader.Auth{Mode: mode, TokenFile: file, ClientID: tenant, TenantID: tenant, AuthorityHost: address}
	case "workloadIdentityFederation":
		auth.TokenFile = file
		auth.File = filepath.Join(p.TempDir(), "config.json")
		p.must(os.WriteFile(auth.File, []byte(`{"type": "external_account", "audience": "//iam.googleapis.com/projects/1/x",
			"subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": "`+p.config.GCS.Endpoint+`/v1/token",
			"credential_source": {"file": "`+file+`"}}`), 0o600))
	}
	return auth
}

// regionIsNoName has a region of which no host name can be made.
func (p *pod) regionIsNoName() {
	for _, region := range []string{"eu west 1", "eu-west-1\n", "eu_west_1/", "é"} {
		p.config.S3.Region, p.config.S3.Endpoint = region, ""
		p.failsAtOnce("region")
		if text := p.reason(); strings.Contains(text, "cannot be reached") {
			p.Errorf("%q: the store is blamed: %s", region, text)
		}
	}
}

// authoritiesAreNone has a CA bundle without a certificate.
func (p *pod) authoritiesAreNone() {
	for _, text := range []string{"", "\n", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"} {
		p.config.CAFile = filepath.Join(p.TempDir(), "ca.crt")
		p.must(os.WriteFile(p.config.CAFile, []byte(text), 0o600))
		p.failsAtOnce("has no certificate", "spec.caBundle")
	}
	p.config.CAFile = filepath.Join(p.TempDir(), missing)
	p.failsAtOnce("no such file", "spec.caBundle")
}
