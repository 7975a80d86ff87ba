package charts_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// objects decodes a rendering strictly: a field that the API does not know is an error. Kinds that are no part of
// Kubernetes itself are left out.
func objects(t *testing.T, name string) []runtime.Object {
	t.Helper()
	var decoded []runtime.Object
	for _, document := range render(t, name) {
		var kind runtime.TypeMeta
		if err := yaml.Unmarshal(document, &kind); err != nil {
			t.Fatal(err)
		}
		object, err := scheme.Scheme.New(schema.FromAPIVersionAndKind(kind.APIVersion, kind.Kind))
		if runtime.IsNotRegisteredError(err) && (kind.Kind == "CustomResourceDefinition" || kind.Kind == "ServiceMonitor") {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		unmarshal(t, document, object)
		decoded = append(decoded, object)
	}
	return decoded
}

func only[T runtime.Object](t *testing.T, name string) []T {
	t.Helper()
	var found []T
	for _, object := range objects(t, name) {
		if typed, ok := object.(T); ok {
			found = append(found, typed)
		}
	}
	return found
}

func one[T runtime.Object](t *testing.T, name string) T {
	t.Helper()
	found := only[T](t, name)
	if len(found) != 1 {
		t.Fatalf("%s renders %d objects of type %T, want one", name, len(found), found)
	}
	return found[0]
}

// prefix is the name of a case's objects.
func prefix(name string) string {
	if name == "everything" {
		return "quay"
	}
	return "lighterman"
}

// TestRBAC holds the complete list of what the webhook may do. A new line here is a decision for the security team.
func TestRBAC(t *testing.T) {
	t.Parallel()
	read := []string{"get", "list", "watch"}
	clusterRules := []rbacv1.PolicyRule{
		{APIGroups: []string{"lighterman.dev"}, Resources: []string{"credentialprofiles", "clustercredentialprofiles"}, Verbs: read},
		{APIGroups: []string{"lighterman.dev"}, Resources: []string{"credentialprofiles/status", "clustercredentialprofiles/status"}, Verbs: []string{"update", "patch"}},
		{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: read},
		{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"get", "list", "watch", "patch"}},
		{APIGroups: []string{"", "events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
	}
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := prefix(name)
			wantCluster := slices.Clone(clusterRules)
			if name == "minimal" { // serviceAccountAnnotations are off.
				wantCluster = slices.DeleteFunc(wantCluster, func(r rbacv1.PolicyRule) bool { return r.Resources[0] == "serviceaccounts" })
			}
			var wantLocal []rbacv1.PolicyRule
			if name != "files" {
				wantCluster = append(wantCluster, rbacv1.PolicyRule{
					APIGroups: []string{"admissionregistration.k8s.io"}, Resources: []string{"mutatingwebhookconfigurations"},
					ResourceNames: []string{own}, Verbs: []string{"get", "list", "watch", "patch"},
				})
				wantLocal = append(wantLocal, rbacv1.PolicyRule{
					APIGroups: []string{""}, Resources: []string{"secrets"},
					ResourceNames: []string{own + "-ca"}, Verbs: []string{"get", "list", "watch", "update"},
				})
			}
			wantLocal = append(wantLocal,
				rbacv1.PolicyRule{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"create"}},
				rbacv1.PolicyRule{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: []string{own}, Verbs: []string{"get", "update"}},
			)

			account := one[*appsv1.Deployment](t, name).Spec.Template.Spec.ServiceAccountName
			subjects := []rbacv1.Subject{{Kind: "ServiceAccount", Name: account, Namespace: namespace}}
			clusterBinding := one[*rbacv1.ClusterRoleBinding](t, name)
			if diff := cmp.Diff(subjects, clusterBinding.Subjects); diff != "" {
				t.Errorf("subjects of the ClusterRoleBinding (-want +got):\n%s", diff)
			}
			localBinding := one[*rbacv1.RoleBinding](t, name)
			if diff := cmp.Diff(subjects, localBinding.Subjects); diff != "" {
				t.Errorf("subjects of the RoleBinding (-want +got):\n%s", diff)
			}
			role := one[*rbacv1.Role](t, name)
			if localBinding.RoleRef.Kind != "Role" || localBinding.RoleRef.Name != role.Name || role.Namespace != namespace {
				t.Errorf("the RoleBinding names %v, the Role is %s/%s", localBinding.RoleRef, role.Namespace, role.Name)
			}
			if diff := cmp.Diff(wantLocal, role.Rules); diff != "" {
				t.Errorf("rules of the Role (-want +got):\n%s", diff)
			}
			for _, clusterRole := range only[*rbacv1.ClusterRole](t, name) {
				if clusterRole.Name != clusterBinding.RoleRef.Name {
					checkUserRole(t, clusterRole)
				} else if diff := cmp.Diff(wantCluster, clusterRole.Rules); diff != "" {
					t.Errorf("rules of the ClusterRole (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// checkUserRole checks a role that is aggregated to the built-in ones: people's, not the webhook's.
func checkUserRole(t *testing.T, role *rbacv1.ClusterRole) {
	t.Helper()
	want := []rbacv1.PolicyRule{{
		APIGroups: []string{"lighterman.dev"}, Resources: []string{"credentialprofiles", "clustercredentialprofiles"},
		Verbs: []string{"get", "list", "watch"},
	}}
	if strings.HasSuffix(role.Name, "-edit") {
		want = []rbacv1.PolicyRule{{
			APIGroups: []string{"lighterman.dev"}, Resources: []string{"credentialprofiles"},
			Verbs: []string{"create", "update", "patch", "delete", "deletecollection"},
		}}
		if role.Labels["rbac.authorization.k8s.io/aggregate-to-view"] != "" {
			t.Errorf("%s lets readers write", role.Name)
		}
	}
	if diff := cmp.Diff(want, role.Rules); diff != "" {
		t.Errorf("rules of %s (-want +got):\n%s", role.Name, diff)
	}
}

// TestPodIsRestricted checks what the restricted Pod Security Standard asks for, and a read-only root.
func TestPodIsRestricted(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := one[*appsv1.Deployment](t, name).Spec.Template
			context := pod.Spec.SecurityContext
			if context.RunAsNonRoot == nil || !*context.RunAsNonRoot || context.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("pod security context: %v", context)
			}
			if name != "minimal" && (context.RunAsUser == nil || *context.RunAsUser == 0) {
				t.Errorf("runAsUser: %v", context.RunAsUser)
			}
			if pod.Annotations["lighterman.dev/inject"] != "false" {
				t.Error("the webhook's own pods do not opt out: it could not start in a namespace labelled selected")
			}
			for _, volume := range pod.Spec.Volumes {
				if volume.Secret == nil && volume.ConfigMap == nil {
					t.Errorf("volume %s is neither a Secret nor a ConfigMap", volume.Name)
				}
			}
			for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
				yes, no := true, false
				want := &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no,
					ReadOnlyRootFilesystem:   &yes,
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				}
				if diff := cmp.Diff(want, container.SecurityContext); diff != "" {
					t.Errorf("security context of %s (-want +got):\n%s", container.Name, diff)
				}
				if container.ReadinessProbe == nil || container.LivenessProbe == nil || container.StartupProbe == nil {
					t.Errorf("%s lacks a probe", container.Name)
				}
			}
		})
	}
}

// TestNamesAgree checks the names that the program is told against the objects that the chart creates.
func TestNamesAgree(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deployment := one[*appsv1.Deployment](t, name)
			container := deployment.Spec.Template.Spec.Containers[0]
			flags := make(map[string]string)
			for _, arg := range container.Args[1:] {
				flag, value, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
				if _, ok := flags[flag]; !ok {
					flags[flag] = value
				}
			}
			webhooks := one[*admissionv1.MutatingWebhookConfiguration](t, name)
			want := map[string]string{
				"service":               webhooks.Webhooks[0].ClientConfig.Service.Name,
				"webhook-configuration": webhooks.Name,
				"image":                 container.Image,
			}
			if name == "files" {
				want["certs-dir"] = container.VolumeMounts[0].MountPath
			} else {
				want["certs-secret"] = one[*corev1.Secret](t, name).Name
			}
			for flag, value := range want {
				if flags[flag] != value {
					t.Errorf("--%s=%s, want %s", flag, flags[flag], value)
				}
			}
			selector := deployment.Spec.Selector.MatchLabels
			for _, service := range only[*corev1.Service](t, name) {
				if diff := cmp.Diff(selector, service.Spec.Selector); diff != "" {
					t.Errorf("selector of Service %s (-Deployment +Service):\n%s", service.Name, diff)
				}
			}
			for _, budget := range only[*policyv1.PodDisruptionBudget](t, name) {
				if diff := cmp.Diff(selector, budget.Spec.Selector.MatchLabels); diff != "" {
					t.Errorf("selector of the budget (-Deployment +PodDisruptionBudget):\n%s", diff)
				}
			}
			for key, value := range selector {
				if deployment.Spec.Template.Labels[key] != value {
					t.Errorf("the pods have not the label %s=%s", key, value)
				}
			}
		})
	}
}

// TestSecretHasNoData guards the CA: Helm resets every field that it has ever rendered.
func TestSecretHasNoData(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		for _, secret := range only[*corev1.Secret](t, name) {
			if secret.Data != nil || secret.StringData != nil {
				t.Errorf("%s: Secret %s is rendered with data", name, secret.Name)
			}
		}
	}
}
