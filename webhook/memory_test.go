package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/webhook/resolve"
)

// worstReviews are reviews that decode to much more than they are, by what they are full of.
var worstReviews = map[string]string{
	"containers":    `{"spec":{"containers":[%s]}}|{}`,
	"variables":     `{"spec":{"containers":[{"env":[%s]}]}}|{"name":"a"}`,
	"references":    `{"spec":{"containers":[{"env":[%s]}]}}|{"name":"","valueFrom":{"secretKeyRef":{"key":""}}}`,
	"env files":     `{"spec":{"containers":[{"env":[%s]}]}}|{"valueFrom":{"fileKeyRef":{"key":""}}}`,
	"envFrom":       `{"spec":{"containers":[{"envFrom":[%s]}]}}|{}`,
	"envFrom refs":  `{"spec":{"containers":[{"envFrom":[%s]}]}}|{"secretRef":{}}`,
	"mounts":        `{"spec":{"containers":[{"volumeMounts":[%s]}]}}|{}`,
	"devices":       `{"spec":{"containers":[{"volumeDevices":[%s]}]}}|{}`,
	"volumes":       `{"spec":{"volumes":[%s]}}|{"emptyDir":{}}`,
	"projections":   `{"spec":{"volumes":[{"projected":{"sources":[%s]}}]}}|{"serviceAccountToken":{}}`,
	"trust bundles": `{"spec":{"volumes":[{"projected":{"sources":[%s]}}]}}|{"clusterTrustBundle":{}}`,
	"pod certs":     `{"spec":{"volumes":[{"projected":{"sources":[%s]}}]}}|{"podCertificate":{}}`,
	"claims":        `{"spec":{"resources":{"claims":[%s]}}}|{}`,
	"commands":      `{"spec":{"containers":[{"command":[%s]}]}}|""`,
	"labels":        `{"metadata":{"labels":{%s}}}|"k%d":"v"`,
	"limits":        `{"spec":{"resources":{"limits":{%s}}}}|"k%d":"1"`,
	"node selector": `{"spec":{"nodeSelector":{%s}}}|"k%d":""`,
}

func worstReview(name string, elements int) []byte {
	frame, element, _ := strings.Cut(worstReviews[name], "|")
	list := make([]string, elements)
	for i := range list {
		list[i] = element
		if strings.Contains(element, "%d") {
			list[i] = fmt.Sprintf(element, i)
		}
	}
	return reviewOf(fmt.Sprintf(frame, strings.Join(list, ",")))
}

// TestCostCoversDecoding compares what is taken of the budget for a review with the memory that it is decoded to.
func TestCostCoversDecoding(t *testing.T) {
	const elements = 20_000
	for name := range worstReviews {
		body := worstReview(name, elements)
		budget := costOfReview + len(body)*costOfByte + bytes.Count(body, []byte(","))*costOfElement
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		req, err := parseReview(body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		took := int(after.HeapAlloc) - int(before.HeapAlloc)
		t.Logf("%-14s %5d KiB: took %6d KiB, %3d bytes an element, budget %6d KiB", name, len(body)>>10, took>>10, took/elements, budget>>10)
		if took > budget {
			t.Errorf("%s: took %d, budget %d", name, took, budget)
		}
		runtime.KeepAlive(req)
	}
}

// TestTooLargeReviews has reviews that are not decoded: the answer is one that the API server hands on, with the uid.
func TestTooLargeReviews(t *testing.T) {
	t.Parallel()
	for name, body := range map[string][]byte{
		"elements":   worstReview("envFrom", 1_000_000),
		"commas":     reviewOf(podWith(`"lighterman.dev/profile":"pg","lighterman.dev/containers":"` + strings.Repeat(",", 1_000_000) + `"`)),
		"body":       apiServerReview(podWith(`"x":"` + strings.Repeat("x", maxBody) + `"`)),
		"larger yet": apiServerReview(podWith(`"x":"` + strings.Repeat("x", 4*maxBody) + `"`)),
	} {
		h, _ := newHandler(t, &fakecluster.Source{}, &fakecluster.Source{})
		start := time.Now()
		w := post(h, apiServerReview2(body))
		r := responseOf(t, w)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
		if w.Code != http.StatusOK || r.Allowed || r.UID != "u-1" || r.Result.Code != http.StatusRequestEntityTooLarge ||
			!strings.Contains(r.Result.Message, "shorten its annotations and lists") {
			t.Errorf("%s: status %d, uid %q, %+v", name, w.Code, r.UID, r.Result)
		}
		if n := testutil.ToFloat64(h.Metrics.requests.WithLabelValues(outcomeDenied, string(injector.ReasonTooLarge))); n != 1 {
			t.Errorf("%s: counted %v times", name, n)
		}
	}
}

// apiServerReview is a review in the API server's order: the uid stands in front.
func apiServerReview(object string) []byte {
	return []byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"uid":"u-1","kind":{"group":"","version":"v1","kind":"Pod"},` +
		`"namespace":"payments","operation":"CREATE","object":` + object + `}}`)
}

// apiServerReview2 puts the uid in front of a review of reviewOf, whose fields are sorted.
func apiServerReview2(body []byte) []byte {
	return bytes.Replace(body, []byte(`"request":{`), []byte(`"request":{"uid":"u-1",`), 1)
}

func TestUIDOf(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]string{
		`{"kind":"AdmissionReview","request":{"uid":"a","kind":{`: "a",
		`{"request":{"kind":{"uid":"b","group":""},"uid":"a"}}`:   "a",
		`{"request":{"kind":"uid"`:                                "",
		`{"request":{"uid":"a`:                                    "",
		`{"request":{"uid":1,`:                                    "",
		`{"uid":"a","request":{}}`:                                "",
		`[` + strings.Repeat(`{"request":{"uid":"a"}},`, 40):      "",
		"":         "",
		"\x00\xff": "",
		`{"request":{"x":"` + strings.Repeat("x", 5000) + `","uid":"a"}}`: "",
	} {
		if got := uidOf([]byte(head)); got != want {
			t.Errorf("%.80s: got %q, want %q", head, got, want)
		}
	}
}

// TestBudgetIsGivenBack sends reviews of every kind at the same time, and takes the whole budget afterwards.
func TestBudgetIsGivenBack(t *testing.T) {
	t.Parallel()
	store := &fakecluster.Source{Profiles: []resolve.ScopedProfile{fatProfile(t, 490)}}
	h, _ := newHandler(t, store, store)
	bodies := [][]byte{
		reviewOf(podOf(25, "")), reviewOf(podOf(2000, "")), worstReview("envFrom", 50_000), []byte("{"),
		apiServerReview(podWith(`"x":"` + strings.Repeat("x", maxBody) + `"`)),
	}
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() { post(h, bodies[i%len(bodies)]) })
	}
	group.Wait()
	for name, all := range map[string]bool{
		"bodies":  h.memory.bodies.TryAcquire(largeBodies),
		"small":   h.memory.smallReviews.TryAcquire(decodedSmall),
		"large":   h.memory.largeReviews.TryAcquire(decodedLarge),
		"patches": h.memory.patches.TryAcquire(largePatches),
	} {
		if !all {
			t.Errorf("%s: some was not given back", name)
		}
	}
}

// TestBusyIsSaid has no memory left: the answer is quick, is a review, and asks to try again.
func TestBusyIsSaid(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(*memoryBudget) bool{
		"bodies":  func(b *memoryBudget) bool { return b.bodies.TryAcquire(largeBodies) },
		"reviews": func(b *memoryBudget) bool { return b.smallReviews.TryAcquire(decodedSmall) },
		"patches": func(b *memoryBudget) bool { return b.patches.TryAcquire(largePatches) },
	} {
		store := &fakecluster.Source{Profiles: []resolve.ScopedProfile{fatProfile(t, 490)}}
		h, _ := newHandler(t, store, store)
		h.memory.init()
		take(&h.memory)
		large := strings.Replace(podOf(25, ""), `"annotations":{`, `"annotations":{"x":"`+strings.Repeat("x", smallBody)+`",`, 1)
		start := time.Now()
		r := responseOf(t, post(h, apiServerReview(large)))
		if r.Allowed || r.UID != "u-1" || r.Result.Code != http.StatusTooManyRequests || !strings.Contains(r.Result.Message, "try again") {
			t.Errorf("%s: uid %q, %+v", name, r.UID, r.Result)
		}
		if took := time.Since(start); took > 2*shareTimeout {
			t.Errorf("%s: took %v", name, took)
		}
		if n := testutil.ToFloat64(h.Metrics.requests.WithLabelValues(outcomeError, reasonBusy)); n != 1 {
			t.Errorf("%s: counted %v times", name, n)
		}
	}
}

// endless is a body that never ends and whose length is not known.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return copy(p, bytes.Repeat([]byte(" "), len(p))), nil
}

func TestBodyWithoutLengthIsBounded(t *testing.T) {
	t.Parallel()
	h, _ := newHandler(t, &fakecluster.Source{}, &fakecluster.Source{})
	body := &endless{}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, Path, io.NopCloser(body))
	r.ContentLength = -1
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge || body.read > 2*maxBody {
		t.Errorf("status %d after %d bytes", w.Code, body.read)
	}
}

func TestCallerThatHasGone(t *testing.T) {
	t.Parallel()
	h, _ := newHandler(t, &fakecluster.Source{}, &fakecluster.Source{})
	room := h.memory.newShare()
	defer room.release()
	h.memory.smallReviews.TryAcquire(decodedSmall)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	start := time.Now()
	if err := room.acquireReview(gone, []byte("{}")); !errors.Is(err, errBusy) || time.Since(start) > shareTimeout/2 {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}
