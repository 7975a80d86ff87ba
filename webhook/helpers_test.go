package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/caller"
	"lighterman.dev/lighterman/webhook/resolve"
)

// recordedEvents remembers events, of requests that may run at the same time.
type recordedEvents struct {
	mu    sync.Mutex
	notes []string
}

func (e *recordedEvents) RecordDenial(p *profile.Profile, namespace, pod string, d *injector.DeniedError) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.notes = append(e.notes, fmt.Sprintf("%s %s %s/%s", d.Reason, p, namespace, pod))
}

func newHandler(tb testing.TB, cached, live *fakecluster.Source) (*Handler, *recordedEvents) {
	tb.Helper()
	metrics, err := NewMetrics(prometheus.NewRegistry(), "test")
	if err != nil {
		tb.Fatal(err)
	}
	events := &recordedEvents{}
	return &Handler{
		Cached: cached, Live: live, CacheOnly: cached, Settings: injector.Settings{Version: "test"},
		Gate:    Gate{Callers: believing(tb), ReleaseNamespace: "lighterman-system"}.prepare(metrics, logr.Discard()),
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
	return fakecluster.Profile(tb, kind, name, "  s3: {bucket: pg-backups, region: eu-west-1, auth: {podIdentity: {}}}\n"+extra)
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
