package webhook

import (
	"bytes"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"net/http"
	"net/http/httptest"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"lighterman.dev/lighterman/internal/test/benchpod"
	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// FuzzServeHTTP posts anything: the answer is always a review, and a patch always applies.
func FuzzServeHTTP(f *testing.F) {
	p := testProfile(f, namespaced, "pg", "  selector: {podSelector: {}}")
	store := &fakecluster.Source{Profiles: []resolve.ScopedProfile{p}, Namespaces: map[string]map[string]string{}}
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
				Object jsontext.Value `json:"object"`
			} `json:"request"`
		}
		if err := json.Unmarshal(body, &review); err != nil { // As the handler reads it.
			t.Fatal(err)
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
	p, err := profile.Parse([]byte(benchpod.Profile))
	if err != nil {
		b.Fatal(err)
	}
	store := &fakecluster.Source{Profiles: []resolve.ScopedProfile{{Profile: p}}}
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
