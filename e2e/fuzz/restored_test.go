package fuzz

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/podtest"
)

// checkRestored injects the pod with one profile and then, as the API server receives it when it is restored, with another.
// It must become what the other profile makes of the pod that never was injected.
func checkRestored(t *testing.T, pod, first, second []byte) {
	t.Helper()
	received, err := receive(pod)
	if err != nil || received.Annotations[injector.AnnotationInjected] != "" || hasOurBundle(received) {
		return
	}
	original := podtest.Marshal(t, received)
	before, err := inject(original, first)
	if err != nil {
		return
	}
	ran, err := receive(podtest.Apply(t, original, before.Operations))
	if err != nil {
		t.Errorf("the API server cannot read the injected pod: %v", err)
		return
	}
	restored := podtest.Marshal(t, ran)
	want, wantErr := inject(original, second)
	got, gotErr := inject(restored, second)
	if reason(gotErr) != reason(wantErr) {
		t.Errorf("restored with another profile: %v; never injected: %v; the profile:\n%s", gotErr, wantErr, text(t, second))
	}
	if wantErr != nil || gotErr != nil {
		return
	}
	fresh, err := receive(podtest.Apply(t, original, want.Operations))
	if err != nil {
		return
	}
	after, err := receive(podtest.Apply(t, restored, got.Operations))
	if err != nil {
		t.Errorf("the API server cannot read the restored pod: %v", err)
		return
	}
	if diff := cmp.Diff(fresh, after, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("restored with another profile (-never injected +restored):\n%s\nthe profile:\n%s", diff, text(t, second))
	}
}

// hasOurBundle reports whether a pod without a record has an emptyDir of the bundle's name: it is taken for the one that a former pass made,
// and after this pass cannot be told from it.
func hasOurBundle(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == injector.BundleVolumeName })
}

func reason(err error) injector.Reason {
	if denied, ok := errors.AsType[*injector.DeniedError](err); ok {
		return denied.Reason
	}
	if err != nil {
		return injector.Reason(err.Error())
	}
	return ""
}
