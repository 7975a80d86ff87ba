package upload_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"lighterman.dev/lighterman/uploader"

	"lighterman.dev/lighterman/e2e/fakecloud/azure"
	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/google"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
	"lighterman.dev/lighterman/e2e/fakecloud/identity/identitytest"
	"lighterman.dev/lighterman/e2e/harness/teststores"
)

const (
	// sessionLife is how long what a token service gives is good for, and tokenLife is that of the pod's first token.
	sessionLife = 2 * time.Second
	tokenLife   = 4 * time.Second

	tenant      = "11111111-2222-4333-8444-555555555555"
	application = "66666666-7777-4888-9999-000000000000"
	provider    = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster"
)

// federation is a token service that believes a cluster, and a store that believes the service.
type federation struct {
	cluster   *identitytest.Cluster
	signer    *identity.Signer
	directory *directory.Directory
	// tokenFile is what the kubelet writes.
	tokenFile string
	// late counts the answers that the pod's token has run out.
	late atomic.Int64
}

// service serves a token service, and gives its URL.
func (f *federation) service(p *pod, handler http.Handler) string {
	p.Helper()
	i := teststores.Intercept(p, "https://"+p.address, p.certificate)
	i.Instead = func(w http.ResponseWriter, r *http.Request) bool {
		handler.ServeHTTP(&counted{w, &f.late}, r)
		return true
	}
	return i.URL
}

// counted counts refusals.
type counted struct {
	http.ResponseWriter

	refusals *atomic.Int64
}

func (c *counted) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		c.refusals.Add(1)
	}
	c.ResponseWriter.WriteHeader(status)
}

// passes asks a handler in front of the store whether a request may pass. If it may not, it has been answered.
func passes(w http.ResponseWriter, r *http.Request, front func(next http.Handler) http.Handler) bool {
	passed := false
	front(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { passed = true })).ServeHTTP(w, r)
	return passed
}

// federations let a pod use a store with its token alone. They give the token's audience.
var federations = map[string]func(*pod, *federation) (audience string){
	"Azure": func(p *pod, f *federation) string {
		const audience = "api://AzureADTokenExchange"
		f.directory.Add(directory.Entries{
			Applications: []directory.Application{{TenantID: tenant, ClientID: application, Federated: []directory.FederatedCredential{
				{Issuer: identitytest.Issuer, Subject: identitytest.Subject, Audience: audience},
			}}},
			BlobRoles: []directory.BlobRole{{ClientID: application, Account: teststores.Account}},
		})
		entra := &azure.Entra{Directory: f.directory, Cluster: f.cluster.Verifier(), Signer: f.signer, Lifetime: sessionLife}
		p.between(func(w http.ResponseWriter, r *http.Request) bool {
			// As it comes to Azure, where the account is part of the host.
			named := r.Clone(r.Context())
			named.Host, named.URL.Path = teststores.Account+".blob.core.windows.net", strings.TrimPrefix(r.URL.Path, "/"+teststores.Account)
			return !passes(w, named, func(next http.Handler) http.Handler {
				return &azure.Blob{Directory: f.directory, Signer: f.signer, Next: next}
			})
		})
		p.config.Azure.Auth = uploader.Auth{
			Mode: "workloadIdentity", ClientID: application, TenantID: tenant, TokenFile: f.tokenFile, AuthorityHost: f.service(p, entra.Handler()) + "/",
		}
		return audience
	},
	"GCS": func(p *pod, f *federation) string {
		pool, _, _ := strings.Cut(provider, "/providers/")
		f.directory.Add(directory.Entries{
			Providers:   []directory.Provider{{Name: provider, Issuer: identitytest.Issuer}},
			BucketRoles: []directory.BucketRole{{Principal: google.Subject(pool, identitytest.Subject), Bucket: bucket, Role: "roles/storage.objectUser"}},
		})
		tokens := google.Tokens{Directory: f.directory, Signer: f.signer}
		exchange := &google.Exchange{Tokens: tokens, Cluster: f.cluster.Verifier(), Lifetime: sessionLife}
		p.between(func(w http.ResponseWriter, r *http.Request) bool {
			return !passes(w, r, func(next http.Handler) http.Handler { return &google.Storage{Tokens: tokens, Next: next} })
		})
		file := filepath.Join(p.TempDir(), "gcp-credentials.json")
		p.must(os.WriteFile(file, []byte(`{"type": "external_account", "audience": "`+provider+`",
			"subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": "`+f.service(p, exchange.Handler())+`/v1/token",
			"credential_source": {"file": "`+f.tokenFile+`"}}`), 0o600))
		p.config.GCS.Auth = uploader.Auth{Mode: "workloadIdentityFederation", File: file, TokenFile: f.tokenFile}
		return provider
	},
	"S3": func(p *pod, f *federation) string {
		keys := &temporaryKeys{audience: "sts.amazonaws.com", cluster: f.cluster.Verifier()}
		p.between(func(w http.ResponseWriter, r *http.Request) bool { return !keys.passes(w, r) })
		p.config.S3.Auth = uploader.Auth{
			Mode: "webIdentity", RoleARN: "arn:aws:iam::111122223333:role/backup", TokenFile: f.tokenFile, STSEndpoint: f.service(p, keys),
		}
		return keys.audience
	},
}

// tokenExpires has what the token service gave run out, then the pod's token, and only then a new one comes.
func (p *pod) tokenExpires() {
	signer, err := identity.NewSigner()
	p.must(err)
	f := &federation{
		cluster: identitytest.New(p), signer: signer, directory: &directory.Directory{}, tokenFile: filepath.Join(p.TempDir(), "token"),
	}
	audience := federations[p.name](p, f)
	token := func(life time.Duration) {
		text := f.cluster.Token(p, audience, func(c *jwt.Claims) { c.Expiry = jwt.NewNumericDate(time.Now().Add(life)) })
		p.must(os.WriteFile(f.tokenFile+".new", []byte(text), 0o600))
		p.must(os.Rename(f.tokenFile+".new", f.tokenFile))
	}
	token(tokenLife)
	p.secrets = nil
	p.slow()
	p.config.BandwidthLimit = p.size() // Ten seconds for what follows.
	r := p.sidecar()
	p.large("large", 10)
	eventually(p, "the pod's token has run out", func() bool { return f.late.Load() > 0 })
	p.absent("large")
	token(10 * time.Minute)
	p.secrets = p.env // For those who look at what is stored.
	p.drained(r)
}
