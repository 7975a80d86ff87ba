package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/caller"
	"lighterman.dev/lighterman/webhook/resolve"
)

// memory is a resolve.Source over values.
type memory struct {
	profiles   []resolve.ScopedProfile
	namespaces map[string]map[string]string // their labels, besides the one by which all are opted in
	unlabelled bool                         // there is no namespace
	// defaults are the annotations of namespaces, by name, and of service accounts, by namespace/name.
	defaults map[string]map[string]string
	err      error
	asked    atomic.Int64
}

func (m *memory) Profile(_ context.Context, ref injector.Ref, namespace string) (*resolve.ScopedProfile, error) {
	m.asked.Add(1)
	for i := range m.profiles {
		p := &m.profiles[i]
		if p.Kind == ref.Kind && p.Name == ref.Name && (p.Namespace == "" || p.Namespace == namespace) {
			return p, m.err
		}
	}
	if m.err != nil {
		return nil, m.err
	}
	return nil, resolve.ErrNotFound
}

func (m *memory) ListWithSelector(_ context.Context, namespace string) ([]resolve.ScopedProfile, error) {
	var found []resolve.ScopedProfile
	for _, p := range m.profiles {
		if p.Spec.Selector != nil && (p.Namespace == "" || p.Namespace == namespace) {
			found = append(found, p)
		}
	}
	return found, m.err
}

func (m *memory) Namespace(_ context.Context, name string) (resolve.Namespace, error) {
	if m.unlabelled {
		return resolve.Namespace{}, resolve.ErrNotFound
	}
	labels := map[string]string{injector.NamespaceLabel: injector.InjectionSelected}
	maps.Copy(labels, m.namespaces[name])
	return resolve.Namespace{Labels: labels, Annotations: m.defaults[name]}, nil
}

func (m *memory) AccountAnnotations(_ context.Context, account types.NamespacedName) (map[string]string, error) {
	return m.defaults[account.String()], m.err
}

// told remembers events.
type told struct{ notes []string }

func (e *told) Denied(p *profile.Profile, namespace, pod string, d *injector.DeniedError) {
	e.notes = append(e.notes, fmt.Sprintf("%s %s %s/%s", d.Reason, p, namespace, pod))
}

func newHandler(tb testing.TB, cached, live *memory) (*Handler, *told) {
	tb.Helper()
	metrics, err := NewMetrics(prometheus.NewRegistry(), "test")
	if err != nil {
		tb.Fatal(err)
	}
	events := &told{}
	return &Handler{
		Cached: cached, Live: live, CacheOnly: cached, Settings: injector.Settings{Version: "test"},
		Gate:    Gate{Callers: believing(tb), ReleaseNamespace: "lighterman-system"}.setup(metrics, logr.Discard()),
		Metrics: metrics, Events: events, Log: logr.Discard(),
	}, events
}

// everyPath takes every request for the API server's.
type everyPath struct{}

func (everyPath) Accepts(string) bool { return true }

func believing(tb testing.TB) *caller.Authenticator {
	tb.Helper()
	callers, err := caller.New(caller.Options{Paths: everyPath{}}, logr.Discard())
	if err != nil {
		tb.Fatal(err)
	}
	return callers
}

func testProfile(tb testing.TB, kind, name, extra string) resolve.ScopedProfile {
	tb.Helper()
	namespace := "payments"
	if kind == v1alpha1.KindClusterCredentialProfile {
		namespace = ""
	}
	text := fmt.Sprintf(`
apiVersion: lighterman.dev/v1alpha1
kind: %s
metadata: {name: %s, namespace: %q}
spec:
  s3: {bucket: pg-backups, region: eu-west-1, auth: {podIdentity: {}}}
%s`, kind, name, namespace, extra)
	p, err := profile.Parse([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	c := resolve.ScopedProfile{Profile: p}
	if kind == v1alpha1.KindClusterCredentialProfile {
		var full v1alpha1.ClusterCredentialProfile
		if err := yaml.Unmarshal([]byte(text), &full); err != nil {
			tb.Fatal(err)
		}
		c.AllowedNamespaces = full.Spec.AllowedNamespaces
	}
	return c
}

const (
	namespaced = v1alpha1.KindCredentialProfile
	cluster    = v1alpha1.KindClusterCredentialProfile
)

func reviewOf(object string, change ...func(map[string]any)) []byte {
	request := map[string]any{
		"uid": "u-1", "namespace": "payments", "operation": "CREATE",
		"kind":     map[string]any{"group": "", "version": "v1", "kind": "Pod"},
		"resource": map[string]any{"group": "", "version": "v1", "resource": "pods"},
		"object":   json.RawMessage(object), "oldObject": nil, "dryRun": false,
		"userInfo": map[string]any{"username": "system:serviceaccount:kube-system:job-controller"},
	}
	for _, c := range change {
		c(request)
	}
	body, err := json.Marshal(map[string]any{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
	if err != nil {
		panic(err)
	}
	return body
}

func podWith(annotations string) string {
	return `{"metadata":{"generateName":"dump-","labels":{"app":"pg"},"annotations":{` + annotations +
		`}},"spec":{"containers":[{"name":"dump"}]}}`
}

func post(h http.Handler, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, Path, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func responseOf(tb testing.TB, w *httptest.ResponseRecorder) *admissionv1.AdmissionResponse {
	tb.Helper()
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(w.Body.Bytes(), &review); err != nil {
		tb.Fatalf("%v: %s", err, w.Body)
	}
	if review.Response == nil || review.Kind != "AdmissionReview" || review.APIVersion != "admission.k8s.io/v1" {
		tb.Fatalf("not a review: %s", w.Body)
	}
	return review.Response
}
