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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// named returns the object of a type that has this name.
func named[T interface {
	runtime.Object
	metav1.Object
}](t *testing.T, name, object string) T {
	t.Helper()
	for _, found := range only[T](t, name) {
		if found.GetName() == object {
			return found
		}
	}
	var none T
	t.Fatalf("%s renders no %T named %s", name, none, object)
	return none
}

// isEmbedded reports whether a case keeps its own certificates.
func isEmbedded(name string) bool { return name != "files" && name != "read-only" }

// prefix is the name of a case's objects.
func prefix(name string) string {
	if name == "everything" {
		return "quay"
	}
	return "lighterman"
}

// rights are the rules of an account: in the cluster, and in the release namespace.
type rights struct{ Cluster, Local []rbacv1.PolicyRule }

// rightsOf returns the rules that are bound to an account of a case, and fails where another kind of subject or role is
// bound.
func rightsOf(t *testing.T, name, account string) rights {
	t.Helper()
	is := func(subjects []rbacv1.Subject) bool {
		if len(subjects) != 1 || subjects[0].Kind != "ServiceAccount" || subjects[0].Namespace != namespace {
			t.Errorf("subjects %v, want one service account", subjects)
		}
		return subjects[0].Name == account
	}
	var found rights
	for _, binding := range only[*rbacv1.ClusterRoleBinding](t, name) {
		if is(binding.Subjects) {
			found.Cluster = append(found.Cluster, named[*rbacv1.ClusterRole](t, name, binding.RoleRef.Name).Rules...)
		}
	}
	for _, binding := range only[*rbacv1.RoleBinding](t, name) {
		if is(binding.Subjects) {
			role := named[*rbacv1.Role](t, name, binding.RoleRef.Name)
			if binding.RoleRef.Kind != "Role" || role.Namespace != namespace {
				t.Errorf("the RoleBinding names %v, the Role is %s/%s", binding.RoleRef, role.Namespace, role.Name)
			}
			found.Local = append(found.Local, role.Rules...)
		}
	}
	return found
}

// TestRBAC holds the complete list of what the webhook may do. A new line here is a decision for the security team.
func TestRBAC(t *testing.T) {
	t.Parallel()
	read := []string{"get", "list", "watch"}
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := prefix(name)
			want := rights{Cluster: []rbacv1.PolicyRule{
				{APIGroups: []string{"lighterman.dev"}, Resources: []string{"credentialprofiles", "clustercredentialprofiles"}, Verbs: read},
			}}
			if name != "read-only" {
				want.Cluster = append(want.Cluster, rbacv1.PolicyRule{APIGroups: []string{"lighterman.dev"}, Resources: []string{"credentialprofiles/status", "clustercredentialprofiles/status"}, Verbs: []string{"update", "patch"}})
			}
			want.Cluster = append(want.Cluster, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"namespaces"}, Verbs: read})
			if name != "minimal" && name != "read-only" { // There serviceAccountAnnotations are off.
				want.Cluster = append(want.Cluster, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"get", "list", "watch", "patch"}})
			}
			if isEmbedded(name) {
				want.Local = append(want.Local, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{own + "-serving"}, Verbs: read})
			}
			if name != "read-only" {
				want.Cluster = append(want.Cluster, rbacv1.PolicyRule{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}})
				want.Local = append(want.Local,
					rbacv1.PolicyRule{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"create"}},
					rbacv1.PolicyRule{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, ResourceNames: []string{own}, Verbs: []string{"get", "update"}},
					rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
				)
			}
			account := named[*appsv1.Deployment](t, name, own).Spec.Template.Spec.ServiceAccountName
			if diff := cmp.Diff(want, rightsOf(t, name, account)); diff != "" {
				t.Errorf("rules of the replicas (-want +got):\n%s", diff)
			}
			for _, clusterRole := range only[*rbacv1.ClusterRole](t, name) {
				if clusterRole.Name != own && clusterRole.Name != own+"-certs" {
					checkUserRole(t, clusterRole)
				}
			}
		})
	}
}

// TestRBACOfCerts holds the complete list of what the keeper of certificates may do, and that it is another account.
func TestRBACOfCerts(t *testing.T) {
	t.Parallel()
	read := []string{"get", "list", "watch"}
	for _, name := range cases(t) {
		own := prefix(name)
		if !isEmbedded(name) {
			if found := only[*appsv1.Deployment](t, name); len(found) != 1 {
				t.Errorf("%s renders %d Deployments, want no keeper of certificates", name, len(found))
			}
			continue
		}
		want := rights{
			Cluster: []rbacv1.PolicyRule{
				{APIGroups: []string{"admissionregistration.k8s.io"}, Resources: []string{"mutatingwebhookconfigurations"}, ResourceNames: []string{own}, Verbs: []string{"get", "list", "watch", "patch"}},
			},
			Local: []rbacv1.PolicyRule{
				{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{own + "-ca", own + "-serving"}, Verbs: []string{"get", "list", "watch", "update"}},
				{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, ResourceNames: []string{own}, Verbs: read},
			},
		}
		account := named[*appsv1.Deployment](t, name, own+"-certs").Spec.Template.Spec.ServiceAccountName
		if other := named[*appsv1.Deployment](t, name, own).Spec.Template.Spec.ServiceAccountName; account == other {
			t.Errorf("%s: the replicas run as %s, too", name, account)
		}
		if diff := cmp.Diff(want, rightsOf(t, name, account)); diff != "" {
			t.Errorf("%s: rules of the keeper of certificates (-want +got):\n%s", name, diff)
		}
	}
}

// TestReadOnly holds the sentence of the documentation: with files, without annotations, and read-only, nothing is written.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	account := named[*appsv1.Deployment](t, "read-only", "lighterman").Spec.Template.Spec.ServiceAccountName
	found := rightsOf(t, "read-only", account)
	if len(found.Cluster) == 0 {
		t.Error("the replicas may not even read profiles")
	}
	for _, rule := range slices.Concat(found.Cluster, found.Local) {
		for _, verb := range rule.Verbs {
			if !slices.Contains([]string{"get", "list", "watch"}, verb) {
				t.Errorf("the replicas may %s %v", verb, rule.Resources)
			}
		}
		if slices.Contains(rule.Resources, "secrets") {
			t.Errorf("the replicas may read Secrets %v", rule.ResourceNames)
		}
	}
	if len(only[*rbacv1.ClusterRoleBinding](t, "read-only")) != 1 || len(only[*rbacv1.RoleBinding](t, "read-only")) != 0 {
		t.Error("another account than the replicas' has rights")
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
			for _, deployment := range only[*appsv1.Deployment](t, name) {
				checkRestricted(t, name, deployment.Spec.Template)
			}
		})
	}
}

func checkRestricted(t *testing.T, name string, pod corev1.PodTemplateSpec) {
	t.Helper()
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
}

// TestNamesAgree checks the names that the program is told against the objects that the chart creates.
func TestNamesAgree(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := prefix(name)
			deployment := named[*appsv1.Deployment](t, name, own)
			container := deployment.Spec.Template.Spec.Containers[0]
			webhooks := one[*admissionv1.MutatingWebhookConfiguration](t, name)
			want := map[string]string{
				"service":               webhooks.Webhooks[0].ClientConfig.Service.Name,
				"webhook-configuration": webhooks.Name,
				"image":                 container.Image,
			}
			if isEmbedded(name) {
				want["certs-secret"] = named[*corev1.Secret](t, name, own+"-serving").Name
			} else {
				want["certs-dir"] = container.VolumeMounts[0].MountPath
			}
			checkFlags(t, container, want)
			checkSelected(t, name, deployment, named[*corev1.Service](t, name, own))
			for _, budget := range only[*policyv1.PodDisruptionBudget](t, name) {
				if diff := cmp.Diff(deployment.Spec.Selector.MatchLabels, budget.Spec.Selector.MatchLabels); diff != "" {
					t.Errorf("selector of the budget (-Deployment +PodDisruptionBudget):\n%s", diff)
				}
			}
			if name != "minimal" {
				checkSelected(t, name, deployment, named[*corev1.Service](t, name, own+"-metrics"))
			}
			if !isEmbedded(name) {
				return
			}
			certs := named[*appsv1.Deployment](t, name, own+"-certs")
			checkFlags(t, certs.Spec.Template.Spec.Containers[0], map[string]string{
				"service":               webhooks.Webhooks[0].ClientConfig.Service.Name,
				"webhook-configuration": webhooks.Name,
				"deployment":            deployment.Name,
				"ca-secret":             named[*corev1.Secret](t, name, own+"-ca").Name,
				"certs-secret":          want["certs-secret"],
			})
			if name != "minimal" {
				checkSelected(t, name, certs, named[*corev1.Service](t, name, own+"-certs-metrics"))
			}
			for key, value := range deployment.Spec.Selector.MatchLabels {
				if certs.Spec.Template.Labels[key] != value {
					return
				}
			}
			t.Error("the webhook's Service sends reviews to the keeper of certificates")
		})
	}
}

// checkFlags checks the first value of each flag.
func checkFlags(t *testing.T, container corev1.Container, want map[string]string) {
	t.Helper()
	flags := make(map[string]string)
	for _, arg := range container.Args[1:] {
		flag, value, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if _, ok := flags[flag]; !ok {
			flags[flag] = value
		}
	}
	for flag, value := range want {
		if flags[flag] != value {
			t.Errorf("%s: --%s=%s, want %s", container.Name, flag, flags[flag], value)
		}
	}
}

// checkSelected checks that a Service leads to the pods of a Deployment.
func checkSelected(t *testing.T, name string, deployment *appsv1.Deployment, service *corev1.Service) {
	t.Helper()
	selector := deployment.Spec.Selector.MatchLabels
	if diff := cmp.Diff(selector, service.Spec.Selector); diff != "" {
		t.Errorf("%s: selector of Service %s (-Deployment +Service):\n%s", name, service.Name, diff)
	}
	for key, value := range selector {
		if deployment.Spec.Template.Labels[key] != value {
			t.Errorf("%s: the pods of %s have not the label %s=%s", name, deployment.Name, key, value)
		}
	}
}

// TestSecretHasNoData guards the CA: Helm resets every field that it has ever rendered.
func TestSecretHasNoData(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		for _, secret := range only[*corev1.Secret](t, name) {
			if isEmbedded(name) && (secret.Data != nil || secret.StringData != nil) {
				t.Errorf("%s: Secret %s is rendered with data", name, secret.Name)
			}
		}
	}
}
