package webhook

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
)

// TestServiceAccounts runs the webhook and its controllers against a real API server.
func TestServiceAccounts(t *testing.T) {
	t.Parallel()
	a := startAPIServer(t)
	r := a.start(t, "lighterman", injector.Settings{Version: "test"}, "get", "list", "watch", "patch")
	second := a.start(t, "lighterman-second", injector.Settings{Version: "test"}, "get", "list", "watch", "patch")
	const x, y = "x@p.iam.gserviceaccount.com", "y@p.iam.gserviceaccount.com"

	t.Run("written before the pod is admitted, and once", func(t *testing.T) {
		a.namespace(t, "once")
		a.gke(t, "once", "pg", "x")
		r.admitted(t, "once", "pg")
		first := a.account(t, "once")
		want := map[string]string{gcpKey: x, forKey: "CredentialProfile/pg", "team": "payments"}
		if diff := cmp.Diff(want, first.Annotations); diff != "" || first.Labels["a"] != "b" {
			t.Fatalf("annotations (-want +got):\n%s", diff)
		}
		r.admitted(t, "once", "pg")
		second.admitted(t, "once", "pg")
		if again := a.account(t, "once"); again.ResourceVersion != first.ResourceVersion {
			t.Errorf("a second pod writes: %s, %s", first.ResourceVersion, again.ResourceVersion)
		}
	})
	t.Run("a dry run writes nothing, and is denied as a pod would be", func(t *testing.T) {
		a.namespace(t, "dry")
		a.gke(t, "dry", "pg", "x")
		before := a.account(t, "dry")
		if response := r.admit(t, "dry", injector.AnnotationProfile, "pg", true); !response.Allowed {
			t.Errorf("denied: %s", response.Result.Message)
		}
		if after := a.account(t, "dry"); after.ResourceVersion != before.ResourceVersion {
			t.Errorf("written: %v", after.Annotations)
		}
		a.annotate(t, "dry", gcpKey, y, "terraform")
		if response := r.admit(t, "dry", injector.AnnotationProfile, "pg", true); response.Allowed {
			t.Error("allowed")
		}
	})
	t.Run("another owner's value is kept", func(t *testing.T) {
		a.namespace(t, "foreign")
		a.gke(t, "foreign", "pg", "x")
		a.annotate(t, "foreign", gcpKey, y, "terraform")
		r.denied(t, "foreign", "pg", "CredentialProfile foreign/pg wants ", gcpKey+"="+x, `which has "`+y+`", written by "terraform"`,
			"kubectl annotate serviceaccount backup -n foreign "+gcpKey+"-")
		a.becomes(t, "foreign", map[string]string{gcpKey: y})
	})
	t.Run("another owner's value of the same text is good", func(t *testing.T) {
		a.namespace(t, "same")
		a.gke(t, "same", "pg", "x")
		a.annotate(t, "same", gcpKey, x, "terraform")
		before := a.account(t, "same")
		r.admitted(t, "same", "pg")
		if after := a.account(t, "same"); after.ResourceVersion != before.ResourceVersion {
			t.Errorf("written: %v", after.Annotations)
		}
	})
	t.Run("two profiles that want different values", func(t *testing.T) {
		a.namespace(t, "two")
		a.gke(t, "two", "pg", "x")
		other := a.gke(t, "two", "other", "y")
		r.admitted(t, "two", "pg")
		r.denied(t, "two", "other", "CredentialProfile two/other wants "+gcpKey+"="+y, "which has "+x+" for CredentialProfile two/pg")
		a.update(t, other, func() { other.Spec = gkeSpec("x") })
		r.admitted(t, "two", "other")
		a.becomes(t, "two", map[string]string{gcpKey: x, forKey: "CredentialProfile/pg,CredentialProfile/other"})
		a.remove(t, &v1alpha1.CredentialProfile{ObjectMeta: metav1.ObjectMeta{Namespace: "two", Name: "pg"}})
		a.becomes(t, "two", map[string]string{gcpKey: x, forKey: "CredentialProfile/other"})
	})
	t.Run("a profile that changes", func(t *testing.T) {
		a.namespace(t, "change")
		p := a.gke(t, "change", "pg", "x")
		r.admitted(t, "change", "pg")
		a.update(t, p, func() { p.Spec = gkeSpec("y") })
		a.becomes(t, "change", map[string]string{gcpKey: y, forKey: "CredentialProfile/pg"})
		a.update(t, p, func() {
			p.Spec = v1alpha1.CredentialProfileSpec{
				S3: &v1alpha1.S3Store{Bucket: "pg-backups", Region: "eu-west-1", Auth: v1alpha1.S3Auth{
					WebIdentity: &v1alpha1.S3WebIdentity{RoleARN: "arn:aws:iam::111122223333:role/x"},
				}},
				ServiceAccount: &v1alpha1.ServiceAccountSettings{Annotate: v1alpha1.AnnotateAlways},
			}
		})
		a.becomes(t, "change", map[string]string{roleKey: "arn:aws:iam::111122223333:role/x", forKey: "CredentialProfile/pg"})
		a.update(t, p, func() { p.Spec.ServiceAccount.Annotate = v1alpha1.AnnotateWhenRequired })
		a.becomes(t, "change", nil)
	})
	t.Run("a profile that does not serve the account any more", func(t *testing.T) {
		a.namespace(t, "refused")
		p := a.gke(t, "refused", "pg", "x")
		r.admitted(t, "refused", "pg")
		a.update(t, p, func() { p.Spec.AllowedServiceAccounts = []string{"other"} })
		a.becomes(t, "refused", nil)
	})
	t.Run("a value that another owner takes over", func(t *testing.T) {
		a.namespace(t, "over")
		p := a.gke(t, "over", "pg", "x")
		r.admitted(t, "over", "pg")
		a.annotate(t, "over", gcpKey, y, "kubectl-annotate")
		eventually(t, func() error {
			if response := r.admit(t, "over", injector.AnnotationProfile, "pg", true); response.Allowed {
				return errors.New("allowed")
			}
			return nil
		})
		r.denied(t, "over", "pg", `written by "kubectl-annotate"`)
		a.remove(t, p)
		a.becomes(t, "over", map[string]string{gcpKey: y})
	})
	t.Run("the last profile goes", func(t *testing.T) {
		a.namespace(t, "gone")
		p := a.gke(t, "gone", "pg", "x")
		r.admitted(t, "gone", "pg")
		a.annotate(t, "gone", "note", "mine", "kubectl")
		a.remove(t, p)
		a.becomes(t, "gone", nil)
		if got := a.account(t, "gone"); got.Annotations["note"] != "mine" || got.Labels["a"] != "b" {
			t.Errorf("another owner's are gone: %v %v", got.Annotations, got.Labels)
		}
		for _, entry := range a.account(t, "gone").ManagedFields {
			if entry.Manager == "lighterman" {
				t.Errorf("still owns %s", entry.FieldsV1)
			}
		}
	})
	t.Run("a cluster profile, until the namespace is not allowed any more", func(t *testing.T) {
		a.namespace(t, "shared")
		p := &v1alpha1.ClusterCredentialProfile{ObjectMeta: metav1.ObjectMeta{Name: "all"}}
		p.Spec.CredentialProfileSpec = gkeSpec("x")
		p.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "payments"}}
		a.create(t, p)
		var response *admissionv1.AdmissionResponse
		if response = r.admit(t, "shared", injector.AnnotationClusterProfile, "all", false); !response.Allowed {
			t.Fatal(response.Result.Message)
		}
		a.becomes(t, "shared", map[string]string{gcpKey: x, forKey: "ClusterCredentialProfile/all"})
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shared"}}
		if err := a.admin.Get(t.Context(), client.ObjectKeyFromObject(namespace), namespace); err != nil {
			t.Fatal(err)
		}
		namespace.Labels["team"] = "other"
		if err := a.admin.Update(t.Context(), namespace); err != nil {
			t.Fatal(err)
		}
		a.becomes(t, "shared", nil)
	})
	t.Run("Never prints the command, and then accepts its result", func(t *testing.T) {
		a.namespace(t, "never")
		p := a.gke(t, "never", "pg", "x")
		a.update(t, p, func() { p.Spec.ServiceAccount = &v1alpha1.ServiceAccountSettings{Annotate: v1alpha1.AnnotateNever} })
		r.denied(t, "never", "pg", "run kubectl annotate serviceaccount backup -n never "+gcpKey+"="+x)
		a.annotate(t, "never", gcpKey, x, "kubectl-annotate")
		r.admitted(t, "never", "pg")
	})
	t.Run("no service account", func(t *testing.T) {
		a.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "no-account", Labels: map[string]string{injector.NamespaceLabel: injector.InjectionEnabled}}})
		a.gke(t, "no-account", "pg", "x")
		r.denied(t, "no-account", "pg", "kubectl create serviceaccount backup -n no-account")
	})
	t.Run("a forged record", func(t *testing.T) {
		a.namespace(t, "forged")
		a.gke(t, "forged", "pg", "x")
		a.annotate(t, "forged", forKey, "CredentialProfile/other", "mallory")
		r.denied(t, "forged", "pg", `written by "mallory"`, forKey+"-")
	})
	t.Run("two replicas and eight profiles at once", func(t *testing.T) {
		a.namespace(t, "race")
		names := []string{"a", "b", "c", "d"}
		for _, name := range names {
			a.gke(t, "race", name, "x")
		}
		var group sync.WaitGroup
		for i, name := range append(names, names...) {
			group.Go(func() {
				which := []*replica{r, second}[i%2]
				if response := which.admit(t, "race", injector.AnnotationProfile, name, false); !response.Allowed {
					t.Errorf("%s: %s", name, response.Result.Message)
				}
			})
		}
		group.Wait()
		if got := strings.Split(a.account(t, "race").Annotations[forKey], ","); len(got) != len(names) {
			t.Errorf("recorded: %v", got)
		}
	})
}

// TestServiceAccountsOff has no permission on service accounts at all.
func TestServiceAccountsOff(t *testing.T) {
	t.Parallel()
	a := startAPIServer(t)
	r := a.start(t, "lighterman-off", injector.Settings{Version: "test", Cluster: profile.Cluster{NoServiceAccountAnnotations: true}})
	a.namespace(t, "off")
	p := a.gke(t, "off", "pg", "x")
	r.denied(t, "off", "pg", "run kubectl annotate serviceaccount backup -n off "+gcpKey+"=x@p.iam.gserviceaccount.com and set spec.serviceAccount.annotate: Never")
	a.becomes(t, "off", nil)
	eventually(t, func() error { return a.accepted(t, p, metav1.ConditionFalse) })
	a.update(t, p, func() { p.Spec.ServiceAccount = &v1alpha1.ServiceAccountSettings{Annotate: v1alpha1.AnnotateNever} })
	eventually(t, func() error { return a.accepted(t, p, metav1.ConditionTrue) })
	response := r.admit(t, "off", injector.AnnotationProfile, "pg", false)
	if !response.Allowed || len(response.Warnings) != 1 || !strings.Contains(response.Warnings[0], "kubectl annotate serviceaccount backup -n off") {
		t.Errorf("got %v, warnings %q", response.Result, response.Warnings)
	}
}
