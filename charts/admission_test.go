package charts_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// systemNamespaces never reach the webhook, whatever their labels.
var systemNamespaces = []string{"kube-system", "kube-node-lease", "kube-public", namespace}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	// It is rendered exactly when the program does not fill it in.
	wantPath := map[string]*string{
		"files":     new("/mutate--v1-pod"),
		"read-only": new("/mutate--v1-pod/2f7d6f5be5c1b6f1a4f0c1a5d1f3c0a9"),
	}
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			webhooks := one[*admissionv1.MutatingWebhookConfiguration](t, name).Webhooks
			want := map[string]struct {
				labels     []string
				conditions []string
			}{
				"pods.lighterman.dev":          {[]string{"enabled", "selected"}, []string{"names-a-profile", "not-opted-out", "not-a-mirror-pod"}},
				"selected.pods.lighterman.dev": {[]string{"selected"}, []string{"names-no-profile", "not-opted-out", "not-a-mirror-pod"}},
			}
			if len(webhooks) != len(want) {
				t.Errorf("%d webhooks, want %d", len(webhooks), len(want))
			}
			for _, webhook := range webhooks {
				if *webhook.FailurePolicy != admissionv1.Fail || *webhook.ReinvocationPolicy != admissionv1.IfNeededReinvocationPolicy ||
					*webhook.SideEffects != admissionv1.SideEffectClassNoneOnDryRun || *webhook.TimeoutSeconds != 5 ||
					*webhook.MatchPolicy != admissionv1.Equivalent {
					t.Errorf("%s: %+v", webhook.Name, webhook)
				}
				if got := webhook.ClientConfig.CABundle; (got == nil) != isEmbedded(name) {
					t.Errorf("%s: caBundle is %q: it is rendered exactly when the program does not fill it in", webhook.Name, got)
				}
				if diff := cmp.Diff(wantPath[name], webhook.ClientConfig.Service.Path); diff != "" {
					t.Errorf("%s: path (-want +got):\n%s", webhook.Name, diff)
				}
				wantRules := []admissionv1.RuleWithOperations{{
					Operations: []admissionv1.OperationType{admissionv1.Create},
					Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}, Scope: new(admissionv1.NamespacedScope)},
				}}
				if diff := cmp.Diff(wantRules, webhook.Rules); diff != "" {
					t.Errorf("%s: rules (-want +got):\n%s", webhook.Name, diff)
				}
				wantNamespaces := []metav1.LabelSelectorRequirement{
					{Key: "lighterman.dev/injection", Operator: metav1.LabelSelectorOpIn, Values: want[webhook.Name].labels},
					{Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpNotIn, Values: systemNamespaces},
				}
				if diff := cmp.Diff(wantNamespaces, webhook.NamespaceSelector.MatchExpressions); diff != "" {
					t.Errorf("%s: namespaceSelector (-want +got):\n%s", webhook.Name, diff)
				}
				var conditions []string
				for _, condition := range webhook.MatchConditions {
					conditions = append(conditions, condition.Name)
				}
				if diff := cmp.Diff(want[webhook.Name].conditions, conditions); diff != "" {
					t.Errorf("%s: matchConditions (-want +got):\n%s", webhook.Name, diff)
				}
			}
		})
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"default", "files", "everything"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := prefix(name)
			want := map[string]string{
				own + "-not-opted-in-pods":      "Warn",
				own + "-not-opted-in-workloads": "Warn",
				own + "-not-opted-in-cronjobs":  "Warn",
				own + "-default-without-effect": "Warn",
				own + "-injected":               "Deny",
				own + "-annotations":            "Deny",
				own + "-bindings":               "Deny",
				own + "-own-account":            "Deny",
			}
			got := make(map[string]string)
			for _, binding := range only[*admissionv1.ValidatingAdmissionPolicyBinding](t, name) {
				for _, action := range binding.Spec.ValidationActions {
					got[binding.Spec.PolicyName] += string(action)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what the policies do (-want +got):\n%s", diff)
			}
			for _, policy := range only[*admissionv1.ValidatingAdmissionPolicy](t, name) {
				wantFailure := admissionv1.Ignore
				if want[policy.Name] == "Deny" {
					wantFailure = admissionv1.Fail
				}
				if *policy.Spec.FailurePolicy != wantFailure {
					t.Errorf("%s: failurePolicy %s, want %s", policy.Name, *policy.Spec.FailurePolicy, wantFailure)
				}
			}
		})
	}
}
