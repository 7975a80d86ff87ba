package webhook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/webhook/resolve"
)

// fatProfile has as many literals as the CRD allows, and each of the given bytes.
func fatProfile(tb testing.TB, bytes int) resolve.ScopedProfile {
	tb.Helper()
	var env strings.Builder
	env.WriteString("  env:\n")
	for i := range 64 {
		fmt.Fprintf(&env, "  - {name: V%d, value: %q}\n", i, strings.Repeat("x", bytes))
	}
	return testProfile(tb, namespaced, "fat", env.String())
}

// podOf is a pod with n containers that names the profile fat, with the API server's defaults.
func podOf(n int, env string) string {
	containers := make([]string, n)
	for i := range containers {
		containers[i] = fmt.Sprintf(`{"name":"c%d","image":"x",%s"resources":{},"terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"Always"}`, i, env)
	}
	return fmt.Sprintf(`{"metadata":{"name":"p","annotations":{"lighterman.dev/profile":"fat"}},"spec":{"containers":[%s]}}`,
		strings.Join(containers, ","))
}

// TestPatchIsEncodedOnce compares the encoder that copies with encoding/json.
func TestPatchIsEncodedOnce(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"", `"env":[{"name":"A","value":"<&>"}],`, `"env":[{"name":"AWS_REGION","value":"x"}],`} {
		pod, err := injector.ParsePod([]byte(podOf(20, env)))
		if err != nil {
			t.Fatal(err)
		}
		result, err := injector.Inject(pod, fatProfile(t, 8).Profile, injector.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(result.Operations)
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		if err := encodePatch(&got, result.Operations); err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := json.Unmarshal(got.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, got.Bytes())
		}
		if err := json.Unmarshal(want, &b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, a); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestPatchThatCannotBeStored has pods of 24 KiB and more with the largest profiles: what cannot be stored is denied, and it
// costs next to nothing to find out.
func TestPatchThatCannotBeStored(t *testing.T) {
	for _, test := range []struct {
		n, bytes int
		env      string
		denied   injector.Reason
	}{
		{n: 25, bytes: 490},
		{n: 25, bytes: 490, env: `"env":[{"name":"A","value":"b"}],`},
		{n: 150, bytes: 490, denied: injector.ReasonTooLarge},
		{n: 2000, bytes: 490, denied: injector.ReasonTooLarge},
		{n: 2000, bytes: 490, env: `"env":[{"name":"A","value":"b"}],`, denied: injector.ReasonTooLarge},
		{n: 20000, bytes: 1, denied: injector.ReasonTooLarge},
		{n: 150, bytes: 4096, denied: injector.ReasonInvalidProfile},
	} {
		store := &fakecluster.Source{Profiles: []resolve.ScopedProfile{fatProfile(t, test.bytes)}}
		h, _ := newHandler(t, store, store)
		body := reviewOf(podOf(test.n, test.env))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := post(h, body)
		runtime.ReadMemStats(&after)
		r := responseOf(t, w)
		allocated := int(after.TotalAlloc-before.TotalAlloc) - 8*len(body)
		t.Logf("%d containers, %d bytes a variable: patch %d KiB, allocated %d KiB beside the pod", test.n, test.bytes,
			len(r.Patch)>>10, allocated>>10)
		if test.denied == "" {
			if !r.Allowed || len(r.Patch) == 0 || len(r.Patch) > 1<<20 {
				t.Errorf("%d containers: %+v, patch of %d bytes", test.n, r.Result, len(r.Patch))
			}
			continue
		}
		if r.Allowed || (r.Result.Code != http.StatusForbidden && r.Result.Code != http.StatusRequestEntityTooLarge) || len(r.Result.Message) > 1024 ||
			testutil.ToFloat64(h.Metrics.requests.WithLabelValues(outcomeDenied, string(test.denied))) != 1 {
			t.Errorf("%d containers: %+v, want a denial for %s", test.n, r.Result, test.denied)
		}
		if allocated > 8<<20 {
			t.Errorf("%d containers: allocated %d KiB beside the pod", test.n, allocated>>10)
		}
	}
}

func BenchmarkLargestPatch(b *testing.B) {
	store := &fakecluster.Source{Profiles: []resolve.ScopedProfile{fatProfile(b, 490)}}
	h, _ := newHandler(b, store, store)
	body := reviewOf(podOf(25, ""))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if w := post(h, body); w.Code != http.StatusOK || w.Body.Len() < 1<<20 {
			b.Fatal(w.Body.Len())
		}
	}
}
