package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// noteRecorder keeps the note of the last event.
type noteRecorder struct{ note string }

func (r *noteRecorder) Eventf(_, _ runtime.Object, _, _, _, _ string, args ...any) {
	r.note = args[0].(string)
}

func TestEventNoteEndsAtACharacter(t *testing.T) {
	t.Parallel()
	for n := range 8 {
		recorder := &noteRecorder{}
		denied := injector.Deny(injector.ReasonCollision, strings.Repeat("x", n)+strings.Repeat("日本語", 400)+": rename the container")
		(&eventRecorder{recorder: recorder}).RecordDenial(&profile.Profile{Kind: namespaced, Name: "pg"}, "payments", strings.Repeat("ä", 300), denied)
		if len(recorder.note) > maxNote || len(recorder.note) < maxNote-8 || !utf8.ValidString(recorder.note) ||
			!strings.HasSuffix(recorder.note, ": rename the container") {
			t.Errorf("%d bytes: %q", len(recorder.note), recorder.note)
		}
	}
}

// TestAnswerAndLogAreBounded has 250 KB in each field of a review that the answer or the log repeats.
func TestAnswerAndLogAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("日\n\x1b", 50_000)
	quoted, err := json.Marshal(long)
	if err != nil {
		t.Fatal(err)
	}
	pod := `{"metadata":{"name":` + string(quoted) + `,"annotations":{"lighterman.dev/profile":"pg","lighterman.dev/containers":` +
		`"x"}},"spec":{"containers":[{"name":` + string(quoted) + `}]}}`
	for name, body := range map[string][]byte{
		"denied":       reviewOf(pod),
		"uid":          reviewOf(pod, func(r map[string]any) { r["uid"] = long }),
		"operation":    reviewOf(pod, func(r map[string]any) { r["operation"] = long }),
		"namespace":    reviewOf(pod, func(r map[string]any) { r["namespace"] = long }),
		"profile":      reviewOf(strings.Replace(pod, `"pg"`, string(quoted), 1)),
		"apiVersion":   bytes.Replace(reviewOf(pod), []byte(`"admission.k8s.io/v1"`), quoted, 1),
		"unknown path": []byte(`{"request":{"object":{"metadata":{"annotations":{` + string(quoted) + `:1}}}}}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &fakecluster.Source{Profiles: []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "")}}
			h, _ := newHandler(t, store, store)
			lines := 0
			h.Log = funcr.NewJSON(func(line string) {
				lines++
				if len(line) > 8<<10 || !utf8.ValidString(line) {
					t.Errorf("a log line of %d bytes: %.300s", len(line), line)
				}
			}, funcr.Options{})
			r := responseOf(t, post(h, body))
			if r.Allowed || len(r.Result.Message) > maxMessage || strings.ContainsAny(r.Result.Message, "\n\x1b") {
				t.Errorf("allowed %v, %d bytes: %.300q", r.Allowed, len(r.Result.Message), r.Result.Message)
			}
			if name == "denied" && lines != 1 {
				t.Errorf("%d log lines", lines)
			}
		})
	}
}

// TestUnknownSendersFillNoLog has strangers cause denials: their lines are bounded and counted, and those because of the API
// server's own reviews are not.
func TestUnknownSendersFillNoLog(t *testing.T) {
	t.Parallel()
	for _, proven := range []bool{false, true} {
		var lines []string
		log := funcr.NewJSON(func(line string) { lines = append(lines, line) }, funcr.Options{})
		limit := &lineLimit{}
		for range 10_000 {
			limit.logFor(log, &request{UID: "u", proven: proven}).Info("deny pod")
		}
		if !proven && (len(lines) < unprovenBurst || len(lines) > 2*unprovenBurst || limit.suppressed.Load() < 9000) {
			t.Errorf("strangers: %d lines, %d suppressed", len(lines), limit.suppressed.Load())
		}
		if proven && len(lines) != 10_000 {
			t.Errorf("API server: %d lines", len(lines))
		}
	}
}

// TestImpossibleNamesAreNoFault has names that the API server's client refuses: they are the pod's fault, and ring no alarm.
func TestImpossibleNamesAreNoFault(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a/b", "../x", "..", strings.Repeat("a", 300), "a\x00b", "a b"} {
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		account := types.NamespacedName{Namespace: "payments", Name: "default"}.String()
		for by, store := range map[string]*fakecluster.Source{
			"pod":             {},
			"service account": {Defaults: map[string]map[string]string{account: {injector.AnnotationProfile: name}}},
			"namespace":       {Defaults: map[string]map[string]string{"payments": {injector.AnnotationClusterProfile: name}}},
		} {
			annotations := ""
			if by == "pod" {
				annotations = `"lighterman.dev/profile":` + string(quoted)
			}
			h, _ := newHandler(t, store, store)
			r := responseOf(t, post(h, reviewOf(podWith(annotations))))
			if r.Allowed || r.Result.Code != http.StatusForbidden || store.Reads.Load() != 0 {
				t.Errorf("%s, %q: allowed %v, %+v, asked %d times", by, name, r.Allowed, r.Result, store.Reads.Load())
			}
			if n := testutil.ToFloat64(h.Metrics.requests.WithLabelValues(outcomeDenied, string(injector.ReasonInvalidAnnotation))); n != 1 {
				t.Errorf("%s, %q: counted %v times", by, name, n)
			}
		}
	}
}
