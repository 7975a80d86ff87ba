package webhook

import (
	"context"
	cryptorand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/internal/test/pki"
	"lighterman.dev/lighterman/internal/test/reviewtest"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/caller"
	"lighterman.dev/lighterman/webhook/resolve"
	"lighterman.dev/lighterman/webhook/serviceaccounts"
)

// forgedReviews is how many reviews each way of authentication is tried with.
const forgedReviews = 10_000

// touched counts what reviews made the handler do besides reading its caches.
type touched struct{ reads, writes, events atomic.Int64 }

// liveFinder is an API server that counts.
type liveFinder struct {
	*fakecluster.Source
	*touched
}

func (l *liveFinder) Profile(ctx context.Context, ref resolve.Ref, namespace string) (*resolve.ScopedProfile, error) {
	l.reads.Add(1)
	return l.Source.Profile(ctx, ref, namespace)
}

func (l *liveFinder) Namespace(ctx context.Context, name string) (resolve.Namespace, error) {
	l.reads.Add(1)
	return l.Source.Namespace(ctx, name)
}

// everyAccount is an Accounts in which each account exists and lacks everything, and which counts.
type everyAccount struct{ *touched }

func (everyAccount) Cached(context.Context, types.NamespacedName) (map[string]string, error) {
	return map[string]string{}, nil
}

func (e everyAccount) Live(_ context.Context, account types.NamespacedName) (*serviceaccounts.Account, error) {
	e.reads.Add(1)
	return &serviceaccounts.Account{NamespacedName: account, Annotations: map[string]string{}}, nil
}

func (e everyAccount) Apply(context.Context, *serviceaccounts.Account, map[string]string, bool) error {
	e.writes.Add(1)
	return nil
}

func (t *touched) RecordDenial(*profile.Profile, string, string, *injector.DeniedError) {
	t.events.Add(1)
}

// secretBucket stands in every profile, so that every answer that reveals one contains it.
const secretBucket = "bucket-of-a-tenant"

// target is a handler behind a real listener, as it stands in a cluster.
type target struct {
	*httptest.Server
	touched *touched
	metrics *prometheus.Registry
}

func newTarget(t *testing.T, options caller.Options) *target {
	t.Helper()
	callers, err := caller.New(options, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	metrics, err := NewMetrics(registry, "test")
	if err != nil {
		t.Fatal(err)
	}
	spec := strings.Replace(gke, "bucket: b", "bucket: "+secretBucket, 1)
	store := &fakecluster.Source{Profiles: []resolve.ScopedProfile{
		profileOf(t, "pg", spec), profileOf(t, "named", spec+"  allowedServiceAccounts: [backup]\n"),
		profileOf(t, "plain", strings.Replace(irsa, "bucket: b", "bucket: "+secretBucket, 1)),
	}, Namespaces: map[string]map[string]string{"not-opted-in": {injector.NamespaceLabel: ""}}}
	count := &touched{}
	h := &Handler{
		Cached: store, CacheOnly: store, Live: &liveFinder{store, count}, Settings: injector.Settings{Version: "test"},
		Gate:    Gate{Callers: callers, ReleaseNamespace: "lighterman-system"}.prepare(metrics, logr.Discard()),
		Metrics: metrics, Events: count, Log: logr.Discard(),
	}
	h.Annotator = &serviceaccounts.Annotator{Client: everyAccount{count}, Profiles: h.Live, Writes: metrics.writes, Log: logr.Discard()}
	mux := http.NewServeMux()
	mux.Handle(Path, h)
	mux.Handle(Path+"/", h)
	server := httptest.NewUnstartedServer(mux)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13}
	callers.ConfigureTLS(server.TLS)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	return &target{server, count, registry}
}

// client is one that sends over the given version of HTTP.
func (s *target) client(version int, certificate *tls.Certificate) *http.Client {
	config := &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS13}
	config.RootCAs.AddCert(s.Certificate())
	if certificate != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(version == 1)
	protocols.SetHTTP2(version == 2)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, Protocols: protocols}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (s *target) send(t *testing.T, client *http.Client, path, token string, body []byte) (int, string) {
	t.Helper()
	return reviewtest.Post(t, client, s.URL+path, token, body)
}

// forge makes a review as a stranger would write it.
func forge(random *rand.Rand) []byte {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	object := map[string]any{
		"metadata": map[string]any{
			"name": "x", "annotations": map[string]any{pick("lighterman.dev/profile", "lighterman.dev/cluster-profile", "other"): pick("pg", "named", "plain", "nothing", "")},
		},
		"spec": map[string]any{"serviceAccountName": pick("backup", "default", "", "kube-proxy"), "containers": []any{map[string]any{"name": "c"}}},
	}
	body, err := json.Marshal(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": map[string]any{
		"uid": fmt.Sprint(random.Uint64()), "kind": map[string]any{"group": "", "version": "v1", "kind": "Pod"},
		"namespace": pick("payments", "payments", "not-opted-in", "kube-system", "lighterman-system", "elsewhere"),
		"operation": "CREATE", "dryRun": random.IntN(4) == 0, "object": object,
		"userInfo": map[string]any{"username": pick("system:apiserver", "system:masters", "tenant")},
	}})
	if err != nil {
		panic(err)
	}
	if random.IntN(20) == 0 {
		body = body[:random.IntN(len(body))]
	}
	return body
}

// TestForgedReviews sends reviews of strangers over the network to the real handler, for each way in which the API server
// can prove its own: the handler writes and reveals nothing, and the API server's own are answered in between.
func TestForgedReviews(t *testing.T) {
	t.Parallel()
	ca, other := pki.NewAuthority(t, nil), pki.NewAuthority(t, nil)
	secret := cryptorand.Text()
	certificates := caller.CertificateOptions{CAFile: pki.File(t, ca), AllowedNames: []string{"kube-apiserver"}}
	tokens := caller.TokenOptions{
		WebhookConfiguration: "lighterman", Audience: caller.ServiceAudience("lighterman", "lighterman-system"),
		Keys: func(context.Context) (string, *jose.JSONWebKeySet, error) {
			return "https://issuer", &jose.JSONWebKeySet{}, nil
		},
	}
	apiServer := ca.Issue(t, "kube-apiserver", nil)
	strangers := []*tls.Certificate{
		nil, nil, other.Issue(t, "kube-apiserver", nil), ca.Issue(t, "system:node:a", nil),
		(*pki.Authority)(nil).Issue(t, "kube-apiserver", nil),
	}
	tests := map[string]struct {
		options caller.Options
		// own is what the API server's reviews have.
		ownPath string
		own     *tls.Certificate
	}{
		"a path":                  {caller.Options{Paths: caller.Secrets{secret}}, Path + "/" + secret, nil},
		"certificates":            {caller.Options{CertificateOptions: certificates}, Path, apiServer},
		"certificates and a path": {caller.Options{CertificateOptions: certificates, Paths: caller.Secrets{cryptorand.Text()}}, Path, apiServer},
		"tokens":                  {caller.Options{TokenOptions: tokens}, "", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newTarget(t, test.options)
			var clients []*http.Client
			for i, certificate := range strangers {
				clients = append(clients, server.client(1+i%2, certificate), server.client(2-i%2, certificate))
			}
			random := rand.New(rand.NewPCG(1, 2))
			paths := []string{Path, Path, Path + "/", Path + "/x", Path + "/" + secret[1:], Path + "/" + strings.ToLower(secret), Path + "/" + secret + "/" + secret}
			if test.options.Paths == nil || test.options.CAFile != "" {
				paths = append(paths, Path+"/"+secret)
			}
			garbage := []string{"", "", "abc", "eyJhbGciOiJub25lIn0.e30.", strings.Repeat("x", 100)}
			for i := range forgedReviews {
				client, path, token := clients[random.IntN(len(clients))], paths[random.IntN(len(paths))], garbage[random.IntN(len(garbage))]
				body := forge(random)
				if status, answer := server.send(t, client, path, token, body); status != http.StatusForbidden || answer != caller.Message {
					t.Fatalf("forged review %d at %s, %s: %d %s", i, path, body, status, answer)
				}
			}
			if server.touched.reads.Load()+server.touched.writes.Load()+server.touched.events.Load() != 0 {
				t.Errorf("%d reads, %d writes, %d events", server.touched.reads.Load(), server.touched.writes.Load(), server.touched.events.Load())
			}
			t.Logf("%d forged reviews refused", forgedReviews)
			if test.ownPath == "" {
				return
			}
			status, answer := server.send(t, server.client(1, test.own), test.ownPath, "", reviewOf(backupPod))
			if status != http.StatusOK || !strings.Contains(answer, `"allowed":true`) || server.touched.writes.Load() != 1 {
				t.Errorf("the API server's own: %d %s, %d writes", status, answer, server.touched.writes.Load())
			}
		})
	}
}

// TestForgedReviewsWhereNothingProves: such a review is answered, as the API server's would be no different. It writes
// nothing and has nothing read, and learns nothing where no pod is injected.
func TestForgedReviewsWhereNothingProves(t *testing.T) {
	t.Parallel()
	server := newTarget(t, caller.Options{})
	clients := []*http.Client{server.client(1, nil), server.client(2, nil)}
	random := rand.New(rand.NewPCG(3, 4))
	answered := 0
	for i := range forgedReviews {
		body := forge(random)
		_, answer := server.send(t, clients[i%2], Path, "", body)
		knows := strings.Contains(answer, `"patch"`) || strings.Contains(answer, secretBucket)
		if knows && !strings.Contains(string(body), `"namespace":"payments"`) && !strings.Contains(string(body), `"namespace":"elsewhere"`) {
			t.Fatalf("%s: %s", body, answer)
		}
		if knows {
			answered++
		}
	}
	if server.touched.reads.Load()+server.touched.writes.Load()+server.touched.events.Load() != 0 {
		t.Errorf("%d reads, %d writes, %d events", server.touched.reads.Load(), server.touched.writes.Load(), server.touched.events.Load())
	}
	if answered == 0 {
		t.Error("nothing was answered: the test proves nothing")
	}
	t.Logf("%d forged reviews, of which %d in opted-in namespaces were answered with a patch", forgedReviews, answered)
}
