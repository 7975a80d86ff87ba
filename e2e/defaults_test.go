package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestDefaults names a profile in the annotation of a namespace, and then of a service account: pods that name none are
// injected, those that opt out are not, and a default that is not there is denied with the place where it stands.
func TestDefaults(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionSelected)
	e.someProfile(t, namespace)
	e.create(t, e.gated(namespace)) // Nothing names a profile yet.

	ns := &corev1.Namespace{}
	ns.Name = namespace
	e.annotate(t, ns, injector.AnnotationProfile, "pg")
	waitFor(t, "the namespace's default", 30*time.Second, func(ctx context.Context) (bool, string) {
		pod := e.gated(namespace)
		err := e.client.Create(ctx, pod, client.DryRunAll)
		return isInjected(pod), fmt.Sprint(pod.Annotations, err)
	})
	out := e.gated(namespace, injector.AnnotationInject, "false")
	e.create(t, out)
	if isInjected(out) {
		t.Error("a pod that opts out is injected")
	}

	account := &corev1.ServiceAccount{}
	account.Namespace, account.Name = namespace, "backup"
	e.annotate(t, account, injector.AnnotationProfile, "missing")
	want := "annotation lighterman.dev/profile of service account " + namespace + "/backup names"
	waitFor(t, "the service account's default", 30*time.Second, func(ctx context.Context) (bool, string) {
		pod := e.gated(namespace)
		err := e.client.Create(ctx, pod, client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), want), fmt.Sprint(err)
	})
	named := e.gated(namespace, injector.AnnotationProfile, "pg")
	e.create(t, named)
	if !isInjected(named) {
		t.Error("a pod that names a profile gets the default of its service account")
	}
}

// annotate sets one annotation of an object.
func (e *environment) annotate(t *testing.T, object client.Object, key, value string) {
	t.Helper()
	if err := e.client.Get(t.Context(), client.ObjectKeyFromObject(object), object); err != nil {
		t.Fatal(err)
	}
	before := client.MergeFrom(object.DeepCopyObject().(client.Object))
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	object.SetAnnotations(annotations)
	if err := e.client.Patch(t.Context(), object, before); err != nil {
		t.Fatal(err)
	}
}
