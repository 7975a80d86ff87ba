package fuzz

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"k8s.io/kubernetes/pkg/capabilities"
	"lighterman.dev/lighterman/internal/test/podtest"
	"sigs.k8s.io/yaml"
)

// seeds is how many pods the plain test injects.
const seeds = 2000

func FuzzInject(f *testing.F) {
	capabilities.Setup(true, 0) // kube-apiserver --allow-privileged, as everywhere.
	for seed := range 32 {
		f.Add(bytesOf(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) { run(t, data) })
}

// TestInjectManyPods runs the fuzzing's properties on pods that are always the same.
func TestInjectManyPods(t *testing.T) {
	capabilities.Setup(true, 0) // As above.
	var valid, injected, both int
	denied := map[string]int{}
	for seed := range seeds {
		v := run(t, bytesOf(seed))
		if v.valid {
			valid++
		}
		if v.injected && v.valid {
			injected++
		}
		if v.valid && v.injected {
			both++
		}
		if v.denied != "" {
			denied[string(v.denied)]++
		}
		if t.Failed() {
			return // One is enough to read.
		}
	}
	t.Logf("%d pods: %d valid, %d injected, %d both", seeds, valid, injected, both)
	for _, reason := range slices.Sorted(maps.Keys(denied)) {
		t.Logf("denied for %s: %d", reason, denied[reason])
	}
	if both < seeds/10 {
		t.Errorf("%d of %d pods were valid and injected: the test has become empty", both, seeds)
	}
}

// run makes a pod and a profile of data, and checks what becomes of them.
func run(t *testing.T, data []byte) verdict {
	t.Helper()
	s := newSource(data)
	profile := podtest.Marshal(t, s.profile())
	typed := s.pod()
	s.graft(t, typed)
	s.others(typed)
	pod := s.raw(t, typed)
	if s.chance(15) {
		pod = s.injectedBefore(t, pod, profile)
	}
	v := check(t, pod, profile)
	if v.injected && v.valid {
		checkRestored(t, pod, profile, podtest.Marshal(t, s.profile()))
	}
	if t.Failed() {
		t.Logf("the bytes %q give the pod:\n%s\nand the profile:\n%s", data, text(t, pod), text(t, profile))
	}
	return v
}

// injectedBefore gives the pod as another pass has left it, with the same profile or with another, and with what other
// webhooks did since.
func (s *source) injectedBefore(t *testing.T, pod, profile []byte) []byte {
	t.Helper()
	if s.chance(30) {
		profile = podtest.Marshal(t, s.profile())
	}
	result, err := inject(pod, profile)
	if err != nil {
		return pod
	}
	received, err := receive(podtest.Apply(t, pod, result.Operations))
	if err != nil {
		return pod
	}
	spec := &received.Spec
	if s.chance(30) {
		spec.Containers = append(spec.Containers, s.container(8, spec.Volumes))
	}
	if s.chance(30) {
		spec.InitContainers = append(spec.InitContainers, s.container(9, spec.Volumes))
	}
	s.others(received)
	if n := len(spec.InitContainers); n > 0 && s.chance(10) {
		spec.InitContainers = slices.Delete(spec.InitContainers, 0, 1)
	}
	if n := len(spec.Volumes); n > 0 && s.chance(10) {
		spec.Volumes = spec.Volumes[:n-1]
	}
	return podtest.Marshal(t, received)
}

func bytesOf(seed int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(seed)) }

func text(t *testing.T, data []byte) string {
	t.Helper()
	text, err := yaml.JSONToYAML(json.RawMessage(data))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
