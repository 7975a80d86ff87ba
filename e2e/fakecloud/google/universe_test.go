package google_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"
	oauthgoogle "golang.org/x/oauth2/google"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"
	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
	uploadergcs "lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/google"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
	"lighterman.dev/lighterman/e2e/fakecloud/identity/identitytest"
	"lighterman.dev/lighterman/e2e/harness/pki"
)

const (
	universe   = "universe.example.com"
	bucketName = "pg-backups"
	pool       = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/"
	provider   = pool + "clusters/providers/cluster"
	member     = "identitynamespace:example-project.svc.id.goog:https://gkehub.googleapis.com/projects/example-project/locations/global/memberships/m"
	account    = "backup@example-project.eu0.iam.gserviceaccount.com"
)

// cloud is Google's token services and Cloud Storage below a domain.
type cloud struct {
	*testing.T

	cluster *identitytest.Cluster
	// proxy is a proxy by which every host name leads here, roots are the file of their authority.
	proxy *url.URL
	roots string
	pool  *x509.CertPool

	mu sync.Mutex
	// asked are the hosts, in the order in which they were asked first; who is the owner of the last token at Cloud Storage.
	asked []string
	who   string
}

func newCloud(t *testing.T, domain string) *cloud {
	t.Helper()
	signer, err := identity.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{T: t, cluster: identitytest.New(t), roots: filepath.Join(t.TempDir(), "ca.crt"), pool: x509.NewCertPool()}
	known := &directory.Directory{}
	subject, memberSubject := google.Subject(pool+"clusters", identitytest.Subject), google.Subject(pool+"example-project.svc.id.goog", "ns/team/sa/backup")
	known.Add(directory.Entries{
		Providers:       []directory.Provider{{Name: provider, Issuer: identitytest.Issuer}, {Name: member, Issuer: identitytest.Issuer}},
		ServiceAccounts: []directory.ServiceAccount{{Email: account, Users: []string{subject}}},
	})
	for _, principal := range []string{subject, memberSubject, account} {
		known.Add(directory.Entries{BucketRoles: []directory.BucketRole{{Principal: principal, Bucket: bucketName, Role: "roles/storage.objectUser"}}})
	}
	tokens := google.Tokens{Directory: known, Signer: signer}
	objects := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.who, _ = tokens.Principal(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		fmt.Fprint(w, `{"kind": "storage#object", "name": "key", "size": "1", "generation": "1"}`)
	})
	services := map[string]http.Handler{
		"sts." + domain:            (&google.Exchange{Tokens: tokens, Cluster: c.cluster.Verifier()}).Handler(),
		"iamcredentials." + domain: tokens.Credentials(),
		"storage." + domain:        &google.Storage{Tokens: tokens, Next: objects},
	}
	c.serve(services)
	return c
}

// serve serves the hosts with certificates of a private authority, behind a proxy that leads every name here.
func (c *cloud) serve(services map[string]http.Handler) {
	c.Helper()
	authority, err := pki.NewCA("universe")
	if err != nil {
		c.Fatal(err)
	}
	var hosts []string
	for host := range services {
		hosts = append(hosts, host)
	}
	pair, err := authority.Issue(pki.Leaf{CommonName: hosts[0], DNSNames: hosts})
	if err != nil {
		c.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
	if err != nil {
		c.Fatal(err)
	}
	c.pool.AppendCertsFromPEM(authority.CertPEM())
	if err := os.WriteFile(c.roots, authority.CertPEM(), 0o600); err != nil {
		c.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, known := services[r.Host]; known {
			handler.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	c.Cleanup(server.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.connect(w, r, server.Listener.Addr()) }))
	c.Cleanup(proxy.Close)
	if c.proxy, err = url.Parse(proxy.URL); err != nil {
		c.Fatal(err)
	}
}

// connect leads a connection to the services, whatever its name is.
func (c *cloud) connect(w http.ResponseWriter, r *http.Request, to net.Addr) {
	host, _, _ := net.SplitHostPort(r.Host)
	c.mu.Lock()
	if !slices.Contains(c.asked, host) {
		c.asked = append(c.asked, host)
	}
	c.mu.Unlock()
	there, err := new(net.Dialer).DialContext(r.Context(), to.Network(), to.String())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	here, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		c.Error(err)
		return
	}
	fmt.Fprint(here, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		defer there.Close()
		io.Copy(there, buffered)
	}()
	defer here.Close()
	io.Copy(here, there)
}

// injected is what a pod gets of a profile.
type injected struct {
	env map[string]string
	// audience is that of the token, config the uploader's configuration.
	audience, config, credentials string
}

func (c *cloud) inject(gcs string) injected {
	c.Helper()
	p, err := profile.Parse([]byte(`{apiVersion: lighterman.dev/v1alpha1, kind: CredentialProfile, metadata: {name: pg, namespace: team},
		spec: {gcs: {bucket: ` + bucketName + `, projectID: example-project, ` + gcs + `}, uploader: {path: /backup, identity: Containers}}}`))
	if err != nil {
		c.Fatal(err)
	}
	raw := []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"backup","namespace":"team"},
		"spec":{"serviceAccountName":"backup","containers":[{"name":"dump","command":["dump"]}]}}`)
	pod, err := injector.ParsePod(raw)
	if err != nil {
		c.Fatal(err)
	}
	result, err := injector.Inject(pod, p, injector.Settings{Version: "test", UploaderImage: "uploader:test"})
	if err != nil {
		c.Fatal(err)
	}
	var typed corev1.Pod
	if err := json.Unmarshal(podtest.Apply(c, raw, result.Operations), &typed); err != nil {
		c.Fatal(err)
	}
	got := injected{env: map[string]string{}, config: typed.Spec.InitContainers[0].Env[0].Value}
	for _, v := range typed.Spec.Containers[0].Env {
		got.env[v.Name] = v.Value
	}
	for _, v := range typed.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil {
				got.audience = s.ServiceAccountToken.Audience
			}
		}
	}
	token := filepath.Join(c.TempDir(), "token")
	got.credentials = filepath.Join(c.TempDir(), "gcp-credentials.json")
	file := strings.ReplaceAll(typed.Annotations["lighterman.dev/gcp-credentials"], injector.MountPath+"/token", token)
	for path, text := range map[string]string{token: c.cluster.Token(c, got.audience), got.credentials: file} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			c.Fatal(err)
		}
	}
	got.config = strings.NewReplacer(
		injector.MountPath+"/token", token, injector.MountPath+"/gcp-credentials.json", got.credentials,
	).Replace(got.config)
	return got
}

// TestFederation has Google's library for Go, as restic and rclone use it, and the uploader read an object with nothing but what is
// injected: in Google's own universe and in another, directly and through a service account, as the member of a fleet, too.
func TestFederation(t *testing.T) {
	for name, test := range map[string]struct{ domain, spec, audience, who string }{
		"a provider": {
			"googleapis.com", `auth: {workloadIdentityFederation: {audience: ` + provider + `}}`,
			"https:" + provider, google.Subject(pool+"clusters", identitytest.Subject),
		},
		"a fleet's member": {
			"googleapis.com", `auth: {workloadIdentityFederation: {audience: "` + member + `"}}`,
			"example-project.svc.id.goog", google.Subject(pool+"example-project.svc.id.goog", "ns/team/sa/backup"),
		},
		"another universe": {
			universe, `universeDomain: ` + universe + `, auth: {workloadIdentityFederation: {audience: ` + provider + `}}`,
			"https:" + provider, google.Subject(pool+"clusters", identitytest.Subject),
		},
		"a service account of another universe": {
			universe, `universeDomain: ` + universe + `, auth: {workloadIdentityFederation: {audience: ` + provider + `, serviceAccount: ` + account + `}}`,
			"https:" + provider, account,
		},
	} {
		want := []string{"sts." + test.domain, "storage." + test.domain}
		if test.who == account {
			want = slices.Insert(want, 1, "iamcredentials."+test.domain)
		}
		t.Run(name+" with the SDK", func(t *testing.T) {
			c := newCloud(t, test.domain)
			got := c.inject(test.spec)
			if got.audience != test.audience {
				t.Errorf("the token is for %q, want %q", got.audience, test.audience)
			}
			t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", got.credentials)
			t.Setenv("GOOGLE_CLOUD_UNIVERSE_DOMAIN", got.env["GOOGLE_CLOUD_UNIVERSE_DOMAIN"])
			client := &http.Client{Transport: &http.Transport{
				Proxy: http.ProxyURL(c.proxy), TLSClientConfig: &tls.Config{RootCAs: c.pool, MinVersion: tls.VersionTLS12},
			}}
			ctx := context.WithValue(t.Context(), oauth2.HTTPClient, client)
			tokens, err := oauthgoogle.DefaultTokenSource(ctx, storage.DevstorageReadWriteScope)
			if err != nil {
				t.Fatal(err)
			}
			service, err := storage.NewService(ctx, option.WithHTTPClient(oauth2.NewClient(ctx, tokens)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := service.Objects.Get(bucketName, "key").Context(ctx).Do(); err != nil {
				t.Fatal(err)
			}
			c.check(want, test.who)
		})
		t.Run(name+" with the uploader", func(t *testing.T) {
			c := newCloud(t, test.domain)
			config, err := uploader.ParseConfig(c.inject(test.spec).config)
			if err != nil {
				t.Fatal(err)
			}
			t.Setenv("HTTPS_PROXY", c.proxy.String())
			t.Setenv("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "decoy.example.com")
			store, err := uploadergcs.New(*config.GCS, transport.Options{CAFile: c.roots})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Stat(t.Context(), "key"); err != nil {
				t.Fatal(err)
			}
			c.check(want, test.who)
		})
	}
}

func (c *cloud) check(hosts []string, who string) {
	c.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.asked, hosts) || c.who != who {
		c.Errorf("%v were asked, as %q; want %v, as %q", c.asked, c.who, hosts, who)
	}
}
