package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/benchpod"
)

// memory is a Finder over values.
type memory struct {
	profiles   []Candidate
	namespaces map[string]map[string]string
	err        error
	asked      int
}

func (m *memory) Profile(_ context.Context, ref injector.Ref, namespace string) (*Candidate, error) {
	m.asked++
	for i := range m.profiles {
		p := &m.profiles[i]
		if p.Kind == ref.Kind && p.Name == ref.Name && (p.Namespace == "" || p.Namespace == namespace) {
			return p, m.err
		}
	}
	if m.err != nil {
		return nil, m.err
	}
	return nil, ErrNotFound
}

func (m *memory) Selecting(_ context.Context, namespace string) ([]Candidate, error) {
	var found []Candidate
	for _, p := range m.profiles {
		if p.Spec.Selector != nil && (p.Namespace == "" || p.Namespace == namespace) {
			found = append(found, p)
		}
	}
	return found, m.err
}

func (m *memory) NamespaceLabels(_ context.Context, namespace string) (map[string]string, error) {
	if labels, ok := m.namespaces[namespace]; ok {
		return labels, nil
	}
	return nil, ErrNotFound
}

// told remembers events.
type told struct{ notes []string }

func (e *told) Denied(p *injector.Profile, namespace, pod string, d *injector.DeniedError) {
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
		Cached: cached, Live: live, Settings: injector.Settings{Version: "test"},
		Metrics: metrics, Events: events, Log: logr.Discard(),
	}, events
}

func profile(tb testing.TB, kind, name, extra string) Candidate {
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
	p, err := injector.ParseProfile([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	c := Candidate{Profile: p}
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

func TestAdmission(t *testing.T) {
	t.Parallel()
	selector := "  selector: {podSelector: {matchLabels: {app: pg}}}\n"
	tests := map[string]struct {
		profiles    []Candidate
		annotations string
		wantProfile string // of the audit annotation
		wantPatched bool
		wantDenied  string // part of the message
		wantReason  string
		wantEvent   string
	}{
		"a pod that names a profile is injected": {
			profiles: []Candidate{profile(t, namespaced, "pg", "")}, annotations: `"lighterman.dev/profile":"pg"`,
			wantProfile: "CredentialProfile payments/pg", wantPatched: true,
		},
		"a pod that names no profile is left alone": {
			profiles: []Candidate{profile(t, namespaced, "pg", "")},
		},
		"a pod that opts out is left alone": {
			profiles:    []Candidate{profile(t, namespaced, "pg", selector)},
			annotations: `"lighterman.dev/profile":"pg","lighterman.dev/inject":"false"`,
		},
		"both annotations are an error": {
			annotations: `"lighterman.dev/profile":"a","lighterman.dev/cluster-profile":"b"`,
			wantDenied:  "both annotations", wantReason: "BothProfiles",
		},
		"an empty annotation is an error": {
			annotations: `"lighterman.dev/profile":""`,
			wantDenied:  "write the name of a CredentialProfile", wantReason: "InvalidAnnotation",
		},
		"an unknown profile is denied": {
			annotations: `"lighterman.dev/profile":"pg"`,
			wantDenied:  `there is no CredentialProfile "pg" in namespace payments`, wantReason: "UnknownProfile",
		},
		"an unknown cluster profile is denied": {
			profiles: []Candidate{profile(t, namespaced, "pg", "")}, annotations: `"lighterman.dev/cluster-profile":"pg"`,
			wantDenied: `there is no ClusterCredentialProfile "pg"`, wantReason: "UnknownProfile",
		},
		"a cluster profile serves the namespaces that it allows": {
			profiles:    []Candidate{profile(t, cluster, "pg", "  allowedNamespaces: {matchLabels: {team: payments}}")},
			annotations: `"lighterman.dev/cluster-profile":"pg"`,
			wantProfile: "ClusterCredentialProfile pg", wantPatched: true,
		},
		"a cluster profile serves no other namespace": {
			profiles:    []Candidate{profile(t, cluster, "pg", "  allowedNamespaces: {matchLabels: {team: other}}")},
			annotations: `"lighterman.dev/cluster-profile":"pg"`,
			wantDenied:  "does not allow namespace payments", wantReason: "NamespaceNotAllowed",
			wantEvent: "NamespaceNotAllowed pg payments/dump-*",
		},
		"a cluster profile without allowedNamespaces serves none": {
			profiles: []Candidate{profile(t, cluster, "pg", "")}, annotations: `"lighterman.dev/cluster-profile":"pg"`,
			wantDenied: "does not allow namespace payments", wantReason: "NamespaceNotAllowed",
			wantEvent: "NamespaceNotAllowed pg payments/dump-*",
		},
		"a cluster profile with empty allowedNamespaces serves none": {
			profiles:    []Candidate{profile(t, cluster, "pg", "  allowedNamespaces: {}")},
			annotations: `"lighterman.dev/cluster-profile":"pg"`,
			wantDenied:  "does not allow namespace payments", wantReason: "NamespaceNotAllowed",
			wantEvent: "NamespaceNotAllowed pg payments/dump-*",
		},
		"a service account that is not allowed is denied": {
			profiles:    []Candidate{profile(t, namespaced, "pg", "  allowedServiceAccounts: [backup, restore]")},
			annotations: `"lighterman.dev/profile":"pg"`,
			wantDenied:  "does not allow service account default: run the pod as one of backup, restore",
			wantReason:  "ServiceAccountNotAllowed", wantEvent: "ServiceAccountNotAllowed payments/pg payments/dump-*",
		},
		"a service account that is allowed is injected": {
			profiles:    []Candidate{profile(t, namespaced, "pg", "  allowedServiceAccounts: [default]")},
			annotations: `"lighterman.dev/profile":"pg"`,
			wantProfile: "CredentialProfile payments/pg", wantPatched: true,
		},
		"a selector finds a pod without annotations": {
			profiles:    []Candidate{profile(t, namespaced, "pg", selector), profile(t, namespaced, "other", "")},
			wantProfile: "CredentialProfile payments/pg", wantPatched: true,
		},
		"a selector of service accounts finds the default one": {
			profiles:    []Candidate{profile(t, namespaced, "pg", "  selector: {serviceAccounts: [default]}")},
			wantProfile: "CredentialProfile payments/pg", wantPatched: true,
		},
		"a selector must match as a whole": {
			profiles: []Candidate{profile(t, namespaced, "pg", "  selector: {podSelector: {matchLabels: {app: pg}}, serviceAccounts: [backup]}")},
		},
		"an annotation wins over a selector": {
			profiles:    []Candidate{profile(t, namespaced, "pg", selector), profile(t, namespaced, "other", "")},
			annotations: `"lighterman.dev/profile":"other"`,
			wantProfile: "CredentialProfile payments/other", wantPatched: true,
		},
		"two selectors that match are an error": {
			profiles:   []Candidate{profile(t, namespaced, "pg", selector), profile(t, namespaced, "other", selector)},
			wantDenied: "CredentialProfile payments/other, CredentialProfile payments/pg", wantReason: "AmbiguousSelector",
		},
		"a cluster profile's selector does not reach namespaces that it does not allow": {
			profiles:    []Candidate{profile(t, namespaced, "pg", selector), profile(t, cluster, "all", selector)},
			wantProfile: "CredentialProfile payments/pg", wantPatched: true,
		},
		"a profile that is not supported is denied with every field": {
			profiles:    []Candidate{profile(t, namespaced, "pg", "  tools: [s3proxy]\n  uploader: {path: /backup}")},
			annotations: `"lighterman.dev/profile":"pg"`,
			wantDenied:  "not supported in this version: spec.uploader", wantReason: "NotSupported",
			wantEvent: "NotSupported payments/pg payments/dump-*",
		},
		"an unknown container is denied": {
			profiles:    []Candidate{profile(t, namespaced, "pg", "")},
			annotations: `"lighterman.dev/profile":"pg","lighterman.dev/containers":"dmup"`,
			wantDenied:  `no container "dmup"; it has dump`, wantReason: "UnknownContainer",
			wantEvent: "UnknownContainer payments/pg payments/dump-*",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &memory{profiles: test.profiles, namespaces: map[string]map[string]string{"payments": {"team": "payments"}}}
			h, events := newHandler(t, store, store)
			w := post(h, reviewOf(podWith(test.annotations)))
			r := responseOf(t, w)
			if w.Code != http.StatusOK || r.UID != "u-1" {
				t.Errorf("status %d, uid %q", w.Code, r.UID)
			}
			if test.wantDenied != "" {
				if r.Allowed || r.Result.Code != http.StatusForbidden || !strings.Contains(r.Result.Message, test.wantDenied) {
					t.Errorf("got %+v, want a denial with %q", r.Result, test.wantDenied)
				}
				if n := testutil.ToFloat64(h.Metrics.requests.WithLabelValues(outcomeDenied, test.wantReason)); n != 1 {
					t.Errorf("%v denials counted for %s, want 1", n, test.wantReason)
				}
			} else if !r.Allowed {
				t.Errorf("denied: %s", r.Result.Message)
			}
			if got := r.AuditAnnotations["profile"]; got != test.wantProfile {
				t.Errorf("audit annotation %q, want %q", got, test.wantProfile)
			}
			if patched := len(r.Patch) > 0; patched != test.wantPatched || patched != (r.PatchType != nil) {
				t.Errorf("patched: %v, want %v", patched, test.wantPatched)
			}
			var want []string
			if test.wantEvent != "" {
				want = []string{test.wantEvent}
			}
			if diff := cmp.Diff(want, events.notes); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDenialIsDecidedOnceMoreLive(t *testing.T) {
	t.Parallel()
	live := &memory{profiles: []Candidate{profile(t, namespaced, "pg", "")}}
	stale := profile(t, namespaced, "pg", "  tools: [s3proxy]")
	for name, cached := range map[string]*memory{
		"profile not in the cache yet":      {},
		"profile mended since":              {profiles: []Candidate{stale}},
		"profile has other accounts by now": {profiles: []Candidate{profile(t, namespaced, "pg", "  allowedServiceAccounts: [x]")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, events := newHandler(t, cached, live)
			if r := responseOf(t, post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg"`)))); !r.Allowed || len(r.Patch) == 0 {
				t.Errorf("got %+v, want the pod injected", r.Result)
			}
			if len(events.notes) > 0 {
				t.Errorf("events: %v", events.notes)
			}
		})
	}
}

func TestLiveLookupIsOnlyForDenials(t *testing.T) {
	t.Parallel()
	cached, live := &memory{profiles: []Candidate{profile(t, namespaced, "pg", "")}}, &memory{}
	h, _ := newHandler(t, cached, live)
	post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg"`)))
	post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg","lighterman.dev/containers":"none"`)))
	if cached.asked != 2 || live.asked != 0 {
		t.Errorf("asked the cache %d times and the API server %d times, want 2 and 0", cached.asked, live.asked)
	}
}

func TestAPIServerOutOfReachIsAnErrorAndNoDenial(t *testing.T) {
	t.Parallel()
	h, _ := newHandler(t, &memory{}, &memory{err: errors.New("connection refused")})
	r := responseOf(t, post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg"`))))
	if r.Allowed || r.Result.Code != http.StatusInternalServerError || !strings.Contains(r.Result.Message, "connection refused") {
		t.Errorf("got %+v", r.Result)
	}
}

func TestDryRunWritesNoEvent(t *testing.T) {
	t.Parallel()
	store := &memory{profiles: []Candidate{profile(t, namespaced, "pg", "  tools: [s3proxy]")}}
	h, events := newHandler(t, store, store)
	body := reviewOf(podWith(`"lighterman.dev/profile":"pg"`), func(r map[string]any) { r["dryRun"] = true })
	if r := responseOf(t, post(h, body)); r.Allowed {
		t.Error("allowed")
	}
	if len(events.notes) > 0 {
		t.Errorf("events: %v", events.notes)
	}
}

func TestHostileRequests(t *testing.T) {
	t.Parallel()
	good := reviewOf(podWith(`"lighterman.dev/profile":"pg"`))
	set := func(key string, value any) []byte {
		return reviewOf(podWith(""), func(r map[string]any) { r[key] = value })
	}
	tests := map[string]struct {
		method, contentType string
		body                []byte
		wantStatus          int // of HTTP
		wantCode            int32
		wantMessage         string
	}{
		"get":            {method: "GET", wantStatus: 405, wantCode: 405, wantMessage: "post an AdmissionReview"},
		"content type":   {contentType: "text/plain", body: good, wantStatus: 415, wantCode: 415, wantMessage: "application/json"},
		"empty":          {wantStatus: 400, wantCode: 400, wantMessage: "not an AdmissionReview"},
		"not JSON":       {body: []byte("apiVersion: v1"), wantStatus: 400, wantCode: 400, wantMessage: "not an AdmissionReview"},
		"cut off":        {body: good[:len(good)/2], wantStatus: 400, wantCode: 400, wantMessage: "not an AdmissionReview"},
		"trailing":       {body: append(bytes.Clone(good), '}'), wantStatus: 400, wantCode: 400, wantMessage: "not an AdmissionReview"},
		"duplicate name": {body: []byte(`{"kind":"a","kind":"b"}`), wantStatus: 400, wantCode: 400, wantMessage: "duplicate"},
		"deep":           {body: []byte(strings.Repeat("[", 1<<20)), wantStatus: 400, wantCode: 400, wantMessage: "not an AdmissionReview"},
		"wrong types":    {body: reviewOf(`{"spec":{"containers":"many"}}`), wantStatus: 400, wantCode: 400, wantMessage: "containers"},
		"too large":      {body: bytes.Repeat([]byte(" "), maxBody+1), wantStatus: 413, wantCode: 413, wantMessage: "larger than"},
		"other version":  {body: []byte(`{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"u"}}`), wantStatus: 400, wantCode: 400, wantMessage: "only admission.k8s.io/v1"},
		"no request":     {body: []byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`), wantStatus: 400, wantCode: 400, wantMessage: "no request"},
		"other kind":     {body: set("kind", map[string]any{"group": "apps", "version": "v1", "kind": "Deployment"}), wantStatus: 200, wantCode: 400, wantMessage: "only the creation of v1 Pods"},
		"subresource":    {body: set("subResource", "ephemeralcontainers"), wantStatus: 200, wantCode: 400, wantMessage: "only the creation of v1 Pods"},
		"update":         {body: set("operation", "UPDATE"), wantStatus: 200, wantCode: 400, wantMessage: "only the creation of v1 Pods"},
		"no namespace":   {body: set("namespace", ""), wantStatus: 200, wantCode: 400, wantMessage: "no namespace"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := newHandler(t, &memory{}, &memory{})
			method, contentType := test.method, test.contentType
			if method == "" {
				method = http.MethodPost
			}
			if contentType == "" {
				contentType = "application/json; charset=utf-8"
			}
			r := httptest.NewRequestWithContext(t.Context(), method, Path, bytes.NewReader(test.body))
			r.Header.Set("Content-Type", contentType)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			response := responseOf(t, w)
			if w.Code != test.wantStatus || response.Allowed || response.Result.Code != test.wantCode ||
				!strings.Contains(response.Result.Message, test.wantMessage) {
				t.Errorf("status %d, %+v; want %d, %d, %q", w.Code, response.Result, test.wantStatus, test.wantCode, test.wantMessage)
			}
		})
	}
}

// panicking is a Finder with a fault.
type panicking struct{ memory }

func (*panicking) Profile(context.Context, injector.Ref, string) (*Candidate, error) { panic("fault") }

func TestPanicIsAnsweredAndCounted(t *testing.T) {
	t.Parallel()
	h, _ := newHandler(t, &memory{}, &memory{})
	h.Cached = &panicking{}
	w := post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg"`)))
	if r := responseOf(t, w); w.Code != http.StatusInternalServerError || r.Allowed {
		t.Errorf("status %d, %+v", w.Code, r.Result)
	}
	if n := testutil.ToFloat64(h.Metrics.requests.WithLabelValues(outcomeError, reasonPanic)); n != 1 {
		t.Errorf("%v panics counted", n)
	}
}

// TestGoldenCases runs the injector's cases through the handler: the patch on the wire gives the same pod.
func TestGoldenCases(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "injector", "testdata")
	cases, err := filepath.Glob(filepath.Join(root, "*", "want.yaml"))
	if err != nil || len(cases) == 0 {
		t.Fatal(err, len(cases))
	}
	for _, path := range cases {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			read := func(name string) []byte {
				text, err := os.ReadFile(filepath.Join(dir, name)) //nolint:gosec // A file of the test's own.
				if err != nil {
					t.Fatal(err)
				}
				return text
			}
			p, err := injector.ParseProfile(read("profile.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			p.Spec.Selector = &v1alpha1.PodSelector{PodSelector: &metav1.LabelSelector{}}
			store := &memory{
				profiles:   []Candidate{{Profile: p, AllowedNamespaces: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}},
				namespaces: map[string]map[string]string{"payments": {"a": "b"}},
			}
			h, _ := newHandler(t, store, store)
			h.Settings = injector.Settings{Version: "v0.0.0-test", Image: "lighterman:test", ClusterTrustBundles: true}
			raw, err := yaml.YAMLToJSON(read("pod.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			r := responseOf(t, post(h, reviewOf(string(raw))))
			if !r.Allowed {
				t.Fatal(r.Result.Message)
			}
			patch, err := jsonpatch.DecodePatch(r.Patch)
			if err != nil {
				t.Fatal(err)
			}
			patched, err := patch.Apply(raw)
			if err != nil {
				t.Fatal(err)
			}
			text, err := yaml.JSONToYAML(patched)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(read("want.yaml")), string(text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzServeHTTP posts anything: the answer is always a review, and a patch always applies.
func FuzzServeHTTP(f *testing.F) {
	p := profile(f, namespaced, "pg", "  selector: {podSelector: {}}")
	store := &memory{profiles: []Candidate{p}, namespaces: map[string]map[string]string{}}
	h, _ := newHandler(f, store, store)
	f.Add(reviewOf(podWith(`"lighterman.dev/profile":"pg"`)))
	f.Add(reviewOf(string(benchpod.JSON)))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := post(h, body)
		r := responseOf(t, w)
		if w.Code >= http.StatusInternalServerError || (r.Result != nil && r.Result.Code >= http.StatusInternalServerError) {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		if len(r.Patch) == 0 {
			return
		}
		var review struct {
			Request struct {
				Object json.RawMessage `json:"object"`
			} `json:"request"`
		}
		if err := json.Unmarshal(body, &review); err != nil {
			t.Skip("encoding/json reads this differently from the handler")
		}
		patch, err := jsonpatch.DecodePatch(r.Patch)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := patch.Apply(review.Request.Object); err != nil {
			t.Fatalf("%v\n%s\n%s", err, r.Patch, review.Request.Object)
		}
	})
}

func BenchmarkHandler(b *testing.B) {
	p, err := injector.ParseProfile([]byte(benchpod.Profile))
	if err != nil {
		b.Fatal(err)
	}
	store := &memory{profiles: []Candidate{{Profile: p}}}
	h, _ := newHandler(b, store, store)
	body := reviewOf(string(benchpod.JSON))
	reader := bytes.NewReader(body)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, Path, reader)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		w.Body.Reset()
		h.ServeHTTP(w, r)
	}
	if got := responseOf(b, w); !got.Allowed || len(got.Patch) == 0 {
		b.Fatal(w.Body)
	}
}
