package webhook

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/webhook/resolve"
)

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
		"too large":      {body: bytes.Repeat([]byte(" "), maxBody+1), wantStatus: 413, wantCode: 413, wantMessage: "more than 4194304 bytes"},
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
			h, _ := newHandler(t, &fakecluster.Source{}, &fakecluster.Source{})
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
type panicking struct{ fakecluster.Source }

func (*panicking) Profile(context.Context, resolve.Ref, string) (*resolve.ScopedProfile, error) {
	panic("fault")
}

func TestPanicIsAnsweredAndCounted(t *testing.T) {
	t.Parallel()
	h, _ := newHandler(t, &fakecluster.Source{}, &fakecluster.Source{})
	h.Cached = &panicking{}
	w := post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg"`)))
	if r := responseOf(t, w); w.Code != http.StatusInternalServerError || r.Allowed {
		t.Errorf("status %d, %+v", w.Code, r.Result)
	}
	if n := testutil.ToFloat64(h.Metrics.requests.WithLabelValues(outcomeError, reasonPanic)); n != 1 {
		t.Errorf("%v panics counted", n)
	}
}
