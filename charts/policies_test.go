package charts_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
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
	c.failOpen(t)
	create := func(name string, annotations map[string]string) {
		p := pod()
		p.GenerateName, p.Name, p.Annotations = "", name, annotations
		if _, err := c.CoreV1().Pods("enabled").Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	create("bare", map[string]string{"team": "pg"})
	create("injected", map[string]string{"team": "pg", "lighterman.dev/profile": "pg", "lighterman.dev/injected": record})
	create("federated", map[string]string{
		"lighterman.dev/profile": "pg", "lighterman.dev/injected": record, "lighterman.dev/gcp-credentials": `{"token_url":"a"}`,
	})
	create("chained", map[string]string{
		"lighterman.dev/profile": "pg", "lighterman.dev/injected": record, "lighterman.dev/aws-config": "[default]",
	})
	tests := map[string]struct {
		pod         string
		annotations map[string]any // nil removes one
		subresource string
		denied      bool
	}{
		"the file is changed":               {"federated", map[string]any{"lighterman.dev/gcp-credentials": `{"token_url":"b"}`}, "", true},
		"the file is changed with a status": {"federated", map[string]any{"lighterman.dev/gcp-credentials": `{"token_url":"b"}`}, "status", true},
		"the file is removed":               {"federated", map[string]any{"lighterman.dev/gcp-credentials": nil}, "", true},
		"AWS's file is changed":             {"chained", map[string]any{"lighterman.dev/aws-config": "[profile x]"}, "", true},
		"AWS's file is changed by a status": {"chained", map[string]any{"lighterman.dev/aws-config": "[profile x]"}, "status", true},
		"AWS's file is removed":             {"chained", map[string]any{"lighterman.dev/aws-config": nil}, "", true},
		"AWS's file comes":                  {"injected", map[string]any{"lighterman.dev/aws-config": "[default]"}, "", true},
		"what was written comes":            {"injected", map[string]any{"lighterman.dev/added": "{}"}, "", true},
		"a file comes":                      {"injected", map[string]any{"lighterman.dev/gcp-credentials": "{}"}, "", true},
		"the record is changed":             {"injected", map[string]any{"lighterman.dev/injected": "no"}, "", true},
		"the record is removed":             {"injected", map[string]any{"lighterman.dev/injected": nil}, "", true},
		"something else is changed":         {"injected", map[string]any{"team": "x", "other": "y"}, "", false},
		"something else is removed":         {"injected", map[string]any{"team": nil}, "", false},
		"nothing is changed":                {"federated", map[string]any{"lighterman.dev/gcp-credentials": `{"token_url":"a"}`}, "status", false},
		"a record comes to another pod":     {"bare", map[string]any{"lighterman.dev/injected": "{}"}, "", true},
		"a record comes with a status":      {"bare", map[string]any{"lighterman.dev/injected": "{}"}, "status", true},
		"a pod that was not injected":       {"bare", map[string]any{"lighterman.dev/profile": "pg", "team": nil}, "", false},
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
		_, err = c.CoreV1().Pods("enabled").Patch(t.Context(), test.pod, types.MergePatchType, patch,
			metav1.PatchOptions{DryRun: dryRun.DryRun}, subresources...)
		if apierrors.IsForbidden(err) != test.denied || !test.denied && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if test.denied && err != nil && !strings.Contains(err.Error(), "leave them as they are") {
			t.Errorf("%s: the denial says no cure: %v", name, err)
		}
	}
}

// record is a record of the webhook.
const record = `{"profile":"enabled/pg","kind":"CredentialProfile","version":"v0.1.0"}`

// TestKeptAnnotations holds the policy to every annotation that a pod mounts.
func TestKeptAnnotations(t *testing.T) {
	policy, err := os.ReadFile("lighterman/templates/policy-annotations.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range append([]string{injector.AnnotationInjected, injector.AnnotationAdded}, profile.ConfigAnnotations[:]...) {
		if n := strings.Count(string(policy), "'"+key+"'"); n != 1 {
			t.Errorf("%s is %d times among those that the policy keeps", key, n)
		}
		if !strings.Contains(string(policy), " "+key) {
			t.Errorf("the denial does not name %s", key)
		}
	}
}

// testSubresources holds what the policies rely on: these two cannot change annotations.
func (c *cluster) testSubresources(t *testing.T) {
	for _, subresource := range []string{"ephemeralcontainers", "resize"} {
		patch := []byte(`{"metadata":{"annotations":{"lighterman.dev/gcp-credentials":"{}","team":"x"}}}`)
		got, err := c.CoreV1().Pods("enabled").Patch(t.Context(), "bare", types.StrategicMergePatchType, patch,
			metav1.PatchOptions{DryRun: dryRun.DryRun}, subresource)
		if err != nil {
			t.Errorf("%s: %v", subresource, err)
			continue
		}
		if diff := cmp.Diff(map[string]string{"team": "pg"}, got.Annotations); diff != "" {
			t.Errorf("pods/%s changes annotations (-want +got):\n%s", subresource, diff)
		}
	}
}

// testBindings binds a pod in both ways that the API has.
func (c *cluster) testBindings(t *testing.T) {
	ways := map[string]func(*corev1.Binding) error{
		"pods/binding": func(b *corev1.Binding) error {
			return c.CoreV1().Pods("enabled").Bind(t.Context(), b, dryRun)
		},
		"bindings": func(b *corev1.Binding) error {
			return c.CoreV1().RESTClient().Post().Namespace("enabled").Resource("bindings").
				VersionedParams(&dryRun, scheme.ParameterCodec).Body(b).Do(t.Context()).Error()
		},
	}
	tests := map[string]struct {
		annotations map[string]string
		denied      bool
	}{
		"as a scheduler does":                 {nil, false},
		"with an annotation of its own":       {map[string]string{"scheduler.example/score": "7"}, false},
		"with the file that names the target": {map[string]string{injector.AnnotationGCPCredentials: `{"token_url":"b"}`}, true},
		"with AWS's file":                     {map[string]string{injector.AnnotationAWSConfig: "[default]"}, true},
		"with a record":                       {map[string]string{"team": "x", injector.AnnotationInjected: "{}"}, true},
	}
	for way, bind := range ways {
		for name, test := range tests {
			err := bind(&corev1.Binding{
				ObjectMeta: metav1.ObjectMeta{Namespace: "enabled", Name: "bare", Annotations: test.annotations},
				Target:     corev1.ObjectReference{Kind: "Node", Name: "node-1"},
			})
			if apierrors.IsForbidden(err) != test.denied || !test.denied && err != nil {
				t.Errorf("%s %s: %v", way, name, err)
			}
			if test.denied && err != nil && !strings.Contains(err.Error(), "remove them from the Binding") {
				t.Errorf("%s %s: the denial names no cure: %v", way, name, err)
			}
		}
	}
}

// testOwnAccount changes service accounts with the rights of the replicas' account.
func (c *cluster) testOwnAccount(t *testing.T) {
	const arn = `"eks.amazonaws.com/role-arn":"arn:aws:iam::1:role/x"`
	create := func(namespace, name string, annotations map[string]string) {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations, Labels: map[string]string{"team": "pg"}}}
		if _, err := c.CoreV1().ServiceAccounts(namespace).Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	former := map[string]string{injector.AnnotationAnnotatedFor: "CredentialProfile/pg", "eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/old"}
	for _, namespace := range []string{"plain", "enabled", "selected", "kube-system", release + "-system"} {
		create(namespace, "fresh", map[string]string{"team": "pg"})
		create(namespace, "former", former)
	}
	tests := map[string]struct {
		namespaces string // separated by spaces
		account    string
		patch      string
		want       string // in the denial; empty: it is allowed
	}{
		"annotate":                         {"enabled selected", "fresh", `{"metadata":{"annotations":{` + arn + `,"lighterman.dev/annotated-for":"CredentialProfile/pg"}}}`, ""},
		"annotate where nobody opted in":   {"plain", "fresh", `{"metadata":{"annotations":{` + arn + `}}}`, "in no others"},
		"record where nobody opted in":     {"plain", "fresh", `{"metadata":{"annotations":{"lighterman.dev/annotated-for":"CredentialProfile/pg"}}}`, "in no others"},
		"keep right what it once wrote":    {"plain enabled", "former", `{"metadata":{"annotations":{` + arn + `}}}`, ""},
		"take away what it once wrote":     {"plain enabled", "former", `{"metadata":{"annotations":{"eks.amazonaws.com/role-arn":null,"lighterman.dev/annotated-for":null}}}`, ""},
		"annotate the system's":            {"kube-system lighterman-system", "former", `{"metadata":{"annotations":{` + arn + `}}}`, "system namespace"},
		"change another annotation":        {"plain enabled", "fresh", `{"metadata":{"annotations":{"team":"x"}}}`, "no others"},
		"remove another annotation":        {"plain enabled", "fresh", `{"metadata":{"annotations":{"team":null}}}`, "no others"},
		"add another annotation":           {"enabled", "former", `{"metadata":{"annotations":{"lighterman.dev/profile":"pg"}}}`, "no others"},
		"change a label":                   {"enabled", "fresh", `{"metadata":{"labels":{"team":"x"}}}`, "no labels"},
		"remove the labels":                {"enabled", "fresh", `{"metadata":{"labels":null}}`, "no labels"},
		"set an owner, who may be deleted": {"enabled", "fresh", `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"ConfigMap","name":"x","uid":"1"}]}}`, "no labels, owners"},
		"set a finalizer":                  {"enabled", "fresh", `{"metadata":{"finalizers":["example.com/never"]}}`, "finalizers"},
		"name a Secret":                    {"enabled", "fresh", `{"secrets":[{"name":"x"}]}`, "Secrets"},
		"name a pull secret":               {"enabled", "fresh", `{"imagePullSecrets":[{"name":"x"}]}`, "or other fields"},
		"withhold the token":               {"enabled", "fresh", `{"automountServiceAccountToken":false}`, "or other fields"},
	}
	for name, test := range tests {
		for namespace := range strings.FieldsSeq(test.namespaces) {
			patch := func(client kubernetes.Interface) error {
				_, err := client.CoreV1().ServiceAccounts(namespace).Patch(t.Context(), test.account, types.MergePatchType, []byte(test.patch),
					metav1.PatchOptions{DryRun: dryRun.DryRun})
				return err
			}
			err := patch(c.webhook(t))
			if (err != nil) != (test.want != "") || err != nil && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%s in %s: error %v, want %q", name, namespace, err, test.want)
			}
			if err := patch(c.Interface); err != nil {
				t.Errorf("%s in %s, by an administrator: %v", name, namespace, err)
			}
		}
	}
}

// TestOwnAccountAnnotations checks the policy's list against what the program writes.
func TestOwnAccountAnnotations(t *testing.T) {
	t.Parallel()
	for _, policy := range only[*admissionv1.ValidatingAdmissionPolicy](t, "default") {
		for _, variable := range policy.Spec.Variables {
			if variable.Name != "own" {
				continue
			}
			var got []string
			for key := range strings.SplitSeq(strings.Trim(variable.Expression, "[]"), ",") {
				got = append(got, strings.Trim(key, " '\n"))
			}
			if diff := cmp.Diff(append(slices.Clone(profile.IdentityAnnotations), injector.AnnotationAnnotatedFor), got); diff != "" {
				t.Errorf("annotations of the policy (-program +policy):\n%s", diff)
			}
			return
		}
	}
	t.Error("no policy bounds the annotations that the replicas write")
}

// TestDenialsAreDocumented looks each denial of a policy up in the page that users search.
func TestDenialsAreDocumented(t *testing.T) {
	t.Parallel()
	page := string(readFile(t, filepath.Join("..", "docs", "denials.md")))
	for _, policy := range only[*admissionv1.ValidatingAdmissionPolicy](t, "default") {
		if *policy.Spec.FailurePolicy != admissionv1.Fail {
			continue // It warns.
		}
		for _, validation := range policy.Spec.Validations {
			if !strings.Contains(page, "`"+validation.Message+"`") {
				t.Errorf("docs/denials.md has no row for %s: %s", policy.Name, validation.Message)
			}
		}
	}
}
