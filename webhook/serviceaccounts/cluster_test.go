package serviceaccounts

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
)

func TestStripAccount(t *testing.T) {
	t.Parallel()
	full := accountMetadata()
	full.ObjectMeta = metav1.ObjectMeta{
		Namespace: "payments", Name: "backup", ResourceVersion: "7", UID: "u", Labels: map[string]string{"team": "pg"},
		Annotations:   map[string]string{"iam.gke.io/gcp-service-account": "x", injector.AnnotationAnnotatedFor: "y", "team": "z", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}, OwnerReferences: []metav1.OwnerReference{{Name: "o"}},
	}
	want := accountMetadata()
	want.ObjectMeta = metav1.ObjectMeta{
		Namespace: "payments", Name: "backup", ResourceVersion: "7", Annotations: map[string]string{"iam.gke.io/gcp-service-account": "x", injector.AnnotationAnnotatedFor: "y"},
	}
	got, err := stripAccount(full)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestOwnedAnnotations(t *testing.T) {
	t.Parallel()
	entry := func(manager string, operation metav1.ManagedFieldsOperationType, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	got := ownedAnnotations([]metav1.ManagedFieldsEntry{
		entry("kubectl", "Apply", `{"f:metadata":{"f:annotations":{"f:a":{}}}}`),
		entry(fieldManager, "Update", `{"f:metadata":{"f:annotations":{"f:b":{}}}}`),
		entry(fieldManager, "Apply", `{"f:metadata":{"f:annotations":{".":{},"f:d":{},"f:c":{}}}}`),
		entry(fieldManager, "Apply", `nonsense`),
	})
	if want := []string{"c", "d"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestLiveAsksForNoImpossibleName: the API server's client makes an error, and no answer, of a name that no object can have.
func TestLiveAsksForNoImpossibleName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a/b", "../x", "..", strings.Repeat("a", 300), "a\x00b", "a b"} {
		if _, err := (&Cluster{}).Live(t.Context(), types.NamespacedName{Namespace: "payments", Name: name}); err == nil {
			t.Errorf("service account %q: found", name)
		}
	}
}
