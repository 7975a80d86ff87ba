package e2e_test

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestServiceAccountIsAnnotated asks for the annotation that Amazon's own webhook goes by: it is there once the pod is
// admitted, not after a dry run, and gone with the profile.
func TestServiceAccountIsAnnotated(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	profile := e.someProfile(t, namespace, func(s *v1alpha1.CredentialProfileSpec) {
		s.ServiceAccount = &v1alpha1.ServiceAccountSettings{Annotate: v1alpha1.AnnotateAlways}
	})
	role := func(ctx context.Context) string {
		account := &corev1.ServiceAccount{}
		if err := e.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "backup"}, account); err != nil {
			t.Fatal(err)
		}
		return account.Annotations["eks.amazonaws.com/role-arn"]
	}
	e.warned(t, e.gated(namespace, injector.AnnotationProfile, "pg"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if got := role(t.Context()); got != "" {
		t.Errorf("a dry run annotated the service account with %q", got)
	}
	e.create(t, e.gated(namespace, injector.AnnotationProfile, "pg"))
	if got, want := role(t.Context()), profile.Spec.S3.Auth.WebIdentity.RoleARN; got != want {
		t.Errorf("the annotation is %q, want %q", got, want)
	}
	if err := e.client.Delete(t.Context(), profile); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the annotation to go with the profile", 30*time.Second, func(ctx context.Context) (bool, string) {
		got := role(ctx)
		return got == "", got
	})
}
