package charts_test

import (
	"encoding/json"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// testDefaults writes defaults for the pods of namespaces that send such pods, and of those that do not.
func (c *cluster) testDefaults(t *testing.T) {
	for namespace, warnings := range map[string]int{"plain": 1, "enabled": 1, "selected": 0} {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
			GenerateName: "backup-", Annotations: map[string]string{"lighterman.dev/profile": "pg"},
		}}
		if _, err := c.CoreV1().ServiceAccounts(namespace).Create(t.Context(), account, dryRun); err != nil {
			t.Fatal(err)
		}
		whole, err := c.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		whole.Annotations = map[string]string{"lighterman.dev/cluster-profile": "pg"}
		if _, err := c.CoreV1().Namespaces().Update(t.Context(), whole, metav1.UpdateOptions{DryRun: dryRun.DryRun}); err != nil {
			t.Fatal(err)
		}
		got := c.warnings.Take()
		for _, text := range got {
			if want := "run: kubectl label namespace " + namespace + " lighterman.dev/injection=selected --overwrite"; !strings.HasSuffix(text, want) {
				t.Errorf("warning %q, want %q", text, want)
			}
		}
		if len(got) != 2*warnings {
			t.Errorf("namespace %s: warnings %q", namespace, got)
		}
	}
}

// testAnnotations changes pods that were injected, and others.
func (c *cluster) testAnnotations(t *testing.T) {
	create := func(name string, annotations map[string]string) {
		p := pod()
		p.GenerateName, p.Name, p.Annotations = "", name, annotations
		if _, err := c.CoreV1().Pods("plain").Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	create("bare", map[string]string{"team": "pg"})
	create("injected", map[string]string{"team": "pg", "lighterman.dev/injected": "{}"})
	create("federated", map[string]string{"lighterman.dev/injected": "{}", "lighterman.dev/gcp-credentials": `{"token_url":"a"}`})
	tests := map[string]struct {
		pod         string
		annotations map[string]any // nil removes one
		subresource string
		denied      bool
	}{
		"the file is changed":               {"federated", map[string]any{"lighterman.dev/gcp-credentials": `{"token_url":"b"}`}, "", true},
		"the file is changed with a status": {"federated", map[string]any{"lighterman.dev/gcp-credentials": `{"token_url":"b"}`}, "status", true},
		"the file is removed":               {"federated", map[string]any{"lighterman.dev/gcp-credentials": nil}, "", true},
		"a file comes":                      {"injected", map[string]any{"lighterman.dev/gcp-credentials": "{}"}, "", true},
		"the record is changed":             {"injected", map[string]any{"lighterman.dev/injected": "no"}, "", true},
		"the record is removed":             {"injected", map[string]any{"lighterman.dev/injected": nil}, "", true},
		"something else is changed":         {"injected", map[string]any{"team": "x", "other": "y"}, "", false},
		"something else is removed":         {"injected", map[string]any{"team": nil}, "", false},
		"nothing is changed":                {"federated", map[string]any{"lighterman.dev/gcp-credentials": `{"token_url":"a"}`}, "status", false},
		"a pod that was not injected":       {"bare", map[string]any{"lighterman.dev/injected": "{}", "team": nil}, "", false},
	}
	for name, test := range tests {
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": test.annotations}})
		if err != nil {
			t.Fatal(err)
		}
		var subresources []string
		if test.subresource != "" {
			subresources = []string{test.subresource}
		}
		_, err = c.CoreV1().Pods("plain").Patch(t.Context(), test.pod, types.MergePatchType, patch,
			metav1.PatchOptions{DryRun: dryRun.DryRun}, subresources...)
		if apierrors.IsForbidden(err) != test.denied || !test.denied && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if test.denied && err != nil && !strings.Contains(err.Error(), "leave them as they are") {
			t.Errorf("%s: the denial says no cure: %v", name, err)
		}
	}
}
