package fuzz

import (
	"encoding/json"
	"net"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/internal/test/podtest"

	"lighterman.dev/lighterman/e2e/oracle"
	"lighterman.dev/lighterman/e2e/oracle/realsdk"
)

// askedPods is how many pods are injected and shown to the real SDKs.
const askedPods = 1000

// TestIdentityAsTheSDKsSee asks the SDKs themselves who the containers of injected pods are, and holds the oracle against them.
func TestIdentityAsTheSDKsSee(t *testing.T) {
	if !realsdk.InNamespace(t) {
		return
	}
	clouds := realsdk.StartForTest(t)
	take := map[string]func(oracle.Env, oracle.Files) oracle.Taken{"s3": oracle.AWS, "azure": oracle.Azure, "gcs": oracle.Google}
	asked, seen := 0, map[oracle.Kind]int{}
	for seed := 0; asked < askedPods; seed++ {
		s := newSource(bytesOf(seed))
		profile := s.soundProfile()
		store := storeName(&profile.Spec)
		pod := s.identityPod(store)
		if pod.Spec.OS != nil { // Its paths are those of Windows.
			continue
		}
		rawPod := podtest.Marshal(t, pod)
		result, err := inject(rawPod, podtest.Marshal(t, profile))
		if err != nil {
			continue
		}
		asked++
		var after corev1.Pod
		if err := json.Unmarshal(podtest.Apply(t, rawPod, result.Operations), &after); err != nil {
			t.Fatal(err)
		}
		c := &after.Spec.Containers[s.below(len(after.Spec.Containers))]
		files := filesOf(&after, c)
		var worlds []oracle.World
		s.worlds(c, unknowns(c, store), func(w oracle.World, _ bool) { worlds = append(worlds, w) })
		env, err := oracle.Effective(c, pick(s, worlds...))
		if err != nil {
			continue
		}
		if host := env.Get("GCE_METADATA_HOST"); host != "" && net.ParseIP(host) == nil {
			continue // A name of nobody's: there is no server to see who asks.
		}
		want := take[store](env, files)
		seen[want.Kind]++
		for _, answer := range clouds.Take(t.Context(), t, store, env, files) {
			if answer.Who != want.Who {
				t.Errorf("seed %d: %s takes %q (%v), and the oracle says %q (%s), of %v", seed, answer.SDK, answer.Who, answer.Err,
					want.Who, want.Why, env.Values())
			}
		}
	}
	t.Logf("%d pods: %v", asked, seen)
	for _, kind := range []oracle.Kind{oracle.Keys, oracle.WebIdentity, oracle.AssumedRole, oracle.WorkloadIdentity, oracle.ExternalAccount, oracle.Node} {
		if seen[kind] == 0 {
			t.Errorf("no container takes %s: the test has become empty", kind)
		}
	}
}
