package charts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestOnAPIServer(t *testing.T) {
	t.Parallel()
	c := install(t)
	t.Run("the webhook is called", c.testMatching)
	t.Run("policies", c.testPolicies)
	t.Run("records", c.testRecords)
	t.Run("defaults", c.testDefaults)
	t.Run("annotations", c.testAnnotations)
	t.Run("subresources", c.testSubresources)
	t.Run("bindings", c.testBindings)
	t.Run("own account", c.testOwnAccount)
	t.Run("the webhook may do its work and no more", c.testRBAC)
	t.Run("the keeper of certificates may do its work and no more", c.testCertsRBAC)
	t.Run("the keeper of certificates keeps them", c.testKeeper)
	t.Run("upgrades keep what the program wrote", c.testUpgrade)
	t.Run("certificates may become files", c.testSwitch)
	t.Run("every rendering is accepted", c.testAccepted)
	t.Run("uninstall keeps the profiles", c.testUninstall)
}

// testMatching finds out which pods reach the webhook: no replica runs here, so those fail.
func (c *cluster) testMatching(t *testing.T) {
	const annotated, selected = "pods.lighterman.dev", "selected.pods.lighterman.dev"
	tests := map[string]struct {
		in   *corev1.Pod
		want map[string]string // namespace → webhook
	}{
		"for a pod that names a profile":         {pod("lighterman.dev/profile=pg"), map[string]string{"enabled": annotated, "selected": annotated}},
		"for a pod that names a cluster profile": {pod("lighterman.dev/cluster-profile=pg"), map[string]string{"enabled": annotated, "selected": annotated}},
		"for an empty name, to be denied there":  {pod("lighterman.dev/profile="), map[string]string{"enabled": annotated, "selected": annotated}},
		"for any pod where pods are selected":    {pod(), map[string]string{"selected": selected}},
		"for a pod with other annotations":       {pod("team=storage"), map[string]string{"selected": selected}},
		"for a pod that opts in twice":           {pod("lighterman.dev/profile=pg", "lighterman.dev/inject=true"), map[string]string{"enabled": annotated, "selected": annotated}},
		"not for a pod that opts out":            {pod("lighterman.dev/profile=pg", "lighterman.dev/inject=false"), nil},
		"not for a selected pod that opts out":   {pod("lighterman.dev/inject=false"), nil},
	}
	c.labelSystem(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, namespace := range append([]string{"plain", "misspelt", "enabled", "selected"}, systemNamespaces...) {
				err := c.create(t.Context(), namespace, test.in)
				switch want := test.want[namespace]; {
				case want == "" && err != nil:
					t.Errorf("in namespace %s: %v", namespace, err)
				case want != "" && (err == nil || !strings.Contains(err.Error(), fmt.Sprintf("failed calling webhook %q", want))):
					t.Errorf("in namespace %s the webhook %s is not called: %v", namespace, want, err)
				}
			}
		})
	}
}

// labelSystem opts the system namespaces in, as far as a label can.
func (c *cluster) labelSystem(t *testing.T) {
	t.Helper()
	for _, namespace := range systemNamespaces {
		_, err := c.CoreV1().Namespaces().Patch(t.Context(), namespace, types.MergePatchType,
			[]byte(`{"metadata":{"labels":{"lighterman.dev/injection":"selected"}}}`), metav1.PatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (c *cluster) testPolicies(t *testing.T) {
	tests := map[string]struct {
		in          *corev1.Pod
		inNamespace string
		wantWarning string
		wantError   string
	}{
		"warn in a namespace that is not opted in": {
			pod("lighterman.dev/profile=pg"), "plain",
			"namespace plain is not opted in, so Lighterman adds no credentials to this pod; to opt in, run: kubectl label namespace plain lighterman.dev/injection=enabled", "",
		},
		"warn in a namespace with a misspelt label": {
			pod("lighterman.dev/cluster-profile=pg"), "misspelt",
			"to opt in, run: kubectl label namespace misspelt lighterman.dev/injection=enabled --overwrite", "",
		},
		"warn in a system namespace": {
			pod("lighterman.dev/profile=pg"), "kube-system",
			"namespace kube-system is a system namespace, whose pods never reach Lighterman: it adds no credentials to this pod; run it in another namespace", "",
		},
		"are silent about a pod that opts out": {pod("lighterman.dev/profile=pg", "lighterman.dev/inject=false"), "plain", "", ""},
		"are silent about a pod that asks not": {pod(), "plain", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c.warnings.Take()
			err := c.create(t.Context(), test.inNamespace, test.in)
			if test.wantError == "" && err != nil || test.wantError != "" && (err == nil || !strings.Contains(err.Error(), test.wantError)) {
				t.Errorf("error %v, want %q", err, test.wantError)
			}
			got := strings.Join(c.warnings.Take(), "\n")
			if test.wantWarning == "" && got != "" || test.wantWarning != "" && !strings.HasSuffix(got, test.wantWarning) {
				t.Errorf("warning %q, want %q", got, test.wantWarning)
			}
		})
	}
	t.Run("warn whoever applies a CronJob", func(t *testing.T) {
		cronJob := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: "nightly"}}
		cronJob.Spec.Schedule = "0 3 * * *"
		template := &cronJob.Spec.JobTemplate.Spec.Template
		template.Spec = pod().Spec
		template.Spec.RestartPolicy = corev1.RestartPolicyNever
		for _, annotations := range []map[string]string{nil, {"lighterman.dev/profile": "pg"}} {
			template.Annotations = annotations
			if _, err := c.BatchV1().CronJobs("plain").Create(t.Context(), cronJob, dryRun); err != nil {
				t.Fatal(err)
			}
			if got := c.warnings.Take(); len(got) != len(annotations) {
				t.Errorf("pod template with annotations %v: warnings %q", annotations, got)
			}
		}
	})
}

// testUpgrade writes as the keeper of certificates does, then upgrades in each way that Helm has.
func (c *cluster) testUpgrade(t *testing.T) {
	ctx, keeper := t.Context(), c.as(t, release+"-certs")
	for _, name := range []string{release + "-ca", release + "-serving"} {
		secret, err := keeper.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		secret.Data = map[string][]byte{"tls.crt": c.config.CAData, "tls.key": []byte("key"), "ca.crt": c.config.CAData, "paths": []byte("[]")}
		if _, err := keeper.CoreV1().Secrets(namespace).Update(ctx, secret, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	configurations := keeper.AdmissionregistrationV1().MutatingWebhookConfigurations()
	configuration, err := configurations.Get(ctx, release, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	const path = "/mutate--v1-pod/secret"
	var entries []map[string]any
	for _, entry := range configuration.Webhooks {
		entries = append(entries, map[string]any{"name": entry.Name, "clientConfig": map[string]any{
			"caBundle": c.config.CAData, "service": map[string]any{"path": path},
		}})
	}
	patch, err := json.Marshal(map[string]any{"webhooks": entries})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := configurations.Patch(ctx, release, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: "lighterman-certs"}); err != nil {
		t.Fatal(err)
	}
	for i, how := range [][]string{{"--server-side=true"}, {"--server-side=true", "--force-conflicts"}, {"--server-side=false"}, {"--server-side=true"}} {
		c.helm(t, append([]string{"upgrade", release, chart, "--set", fmt.Sprintf("podLabels.round=r%d,fullnameOverride=", i)}, how...)...)
		for _, name := range []string{release + "-ca", release + "-serving"} {
			secret, err := keeper.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
			if err != nil || string(secret.Data["tls.key"]) != "key" || len(secret.Data) != 4 {
				t.Errorf("after helm upgrade %v the Secret %s holds %d keys: %v", how, name, len(secret.Data), err)
			}
		}
		configuration, err := configurations.Get(ctx, release, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range configuration.Webhooks {
			if string(entry.ClientConfig.CABundle) != string(c.config.CAData) {
				t.Errorf("after helm upgrade %v the caBundle of %s is %q", how, entry.Name, entry.ClientConfig.CABundle)
			}
			if got := entry.ClientConfig.Service.Path; got == nil || *got != path {
				t.Errorf("after helm upgrade %v the path of %s is %v", how, entry.Name, got)
			}
		}
		deployment, err := c.AppsV1().Deployments(namespace).Get(ctx, release, metav1.GetOptions{})
		if err != nil || deployment.Spec.Template.Labels["round"] != fmt.Sprintf("r%d", i) {
			t.Errorf("helm upgrade %v changed nothing: %v", how, err)
		}
	}
}

// testSwitch changes certs.mode after the program has written caBundle and path. Helm then takes the fields over, which it
// does not do unasked.
func (c *cluster) testSwitch(t *testing.T) {
	c.helm(t, "upgrade", release, chart, "--values", valuesFile("files"), "--force-conflicts")
	configuration, err := c.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), release, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range configuration.Webhooks {
		if got := entry.ClientConfig.CABundle; !bytes.HasPrefix(got, []byte("-----BEGIN")) || bytes.Equal(got, c.config.CAData) {
			t.Errorf("the caBundle of %s is %q, want the one of the values", entry.Name, got)
		}
		if got := entry.ClientConfig.Service.Path; got == nil || *got != "/mutate--v1-pod" {
			t.Errorf("the path of %s is %v, want the one of the values", entry.Name, got)
		}
	}
	if err := second(c.webhook(t).CoreV1().Secrets(namespace).Get(t.Context(), release+"-serving", metav1.GetOptions{})); !apierrors.IsForbidden(err) {
		t.Errorf("the webhook may still read a Secret: %v", err)
	}
}

// testAccepted upgrades to each golden case, so that the API server has validated every object in every form.
func (c *cluster) testAccepted(t *testing.T) {
	for _, name := range append(cases(t), "default") {
		// The ServiceMonitor's CRD is somebody else's.
		c.helm(t, "upgrade", release, chart, "--values", valuesFile(name), "--set", "metrics.serviceMonitor.enabled=false,crds.keep=true")
	}
}

func (c *cluster) testUninstall(t *testing.T) {
	admin := c.Interface
	c.helm(t, "uninstall", release)
	if err := list(t.Context(), admin, "credentialprofiles"); err != nil {
		t.Errorf("after helm uninstall: %v", err)
	}
	poll(t.Context(), t, "the policies are gone", func(ctx context.Context) error {
		return c.create(ctx, "selected", pod("lighterman.dev/profile=pg"))
	})
	c.helm(t, "install", release, chart)
}
