package charts_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/apiserver"
)

// cluster is an API server without nodes, with the chart installed.
type cluster struct {
	kubernetes.Interface
	config     *rest.Config
	kubeconfig string
	warnings   *apiserver.Warnings
}

// install starts an API server, installs the chart, and waits until the admission policies are in force.
func install(t *testing.T) *cluster {
	t.Helper()
	assets := os.Getenv("KUBEBUILDER_ASSETS")
	for _, binary := range []string{"etcd", "kube-apiserver"} {
		if _, err := os.Stat(filepath.Join(assets, binary)); assets == "" || err != nil {
			missing(t, binary+" is not in KUBEBUILDER_ASSETS")
		}
	}
	var server envtest.Environment
	// Without a kube-proxy the address of a Service leads nowhere; with this the server knows at once that the
	// webhook's Service has no endpoints.
	server.ControlPlane.GetAPIServer().Configure().Append("enable-aggregator-routing", "true")
	config, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	c := &cluster{config: rest.CopyConfig(config), kubeconfig: filepath.Join(t.TempDir(), "kubeconfig"), warnings: new(apiserver.Warnings)}
	c.config.WarningHandler = c.warnings
	c.config.QPS = -1
	if c.Interface, err = kubernetes.NewForConfig(c.config); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.kubeconfig, server.KubeConfig, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, label := range map[string]string{"plain": "", "misspelt": "true", "enabled": "enabled", "selected": "selected"} {
		object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if label != "" {
			object.Labels = map[string]string{"lighterman.dev/injection": label}
		}
		if _, err := c.CoreV1().Namespaces().Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	c.helm(t, "install", release, chart, "--create-namespace")
	poll(t.Context(), t, "the policies are in force", func(ctx context.Context) error {
		c.warnings.Take()
		job := &batchv1.Job{Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: pod().Spec}}}
		job.GenerateName, job.Spec.Template.Annotations = "job-", map[string]string{"lighterman.dev/profile": "pg"}
		job.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
		_, err := c.BatchV1().Jobs("plain").Create(ctx, job, dryRun)
		if denied := c.create(ctx, "plain", injected(pod())); err == nil && denied == nil {
			err = errors.New("a pod without its volume is admitted")
		}
		if len(c.warnings.Take()) == 0 {
			err = errors.Join(err, errors.New("no warning"))
		}
		return err
	})
	return c
}

// helm runs helm against the cluster. It asserts success.
func (c *cluster) helm(t *testing.T, args ...string) {
	t.Helper()
	stdout, stderr, err := helm(t, append(args, "--namespace", namespace, "--kubeconfig", c.kubeconfig)...)
	if err != nil {
		t.Fatalf("helm %s: %v\n%s\n%s", strings.Join(args, " "), err, stdout, stderr)
	}
}

var dryRun = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}

func (c *cluster) create(ctx context.Context, namespace string, p *corev1.Pod) error {
	_, err := c.CoreV1().Pods(namespace).Create(ctx, p, dryRun)
	return err
}

// failOpen lets the API server pass over the webhook, of which no replica runs here, until the test ends: what reaches the
// webhook then goes on to the policies, as it is.
func (c *cluster) failOpen(t *testing.T) {
	t.Helper()
	set := func(ctx context.Context, policy string) {
		patch := fmt.Sprintf(`[{"op":"replace","path":"/webhooks/0/failurePolicy","value":%q},{"op":"replace","path":"/webhooks/1/failurePolicy","value":%q}]`, policy, policy)
		_, err := c.AdmissionregistrationV1().MutatingWebhookConfigurations().Patch(ctx, release, types.JSONPatchType, []byte(patch), metav1.PatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		poll(ctx, t, "failurePolicy "+policy+" is in force", func(ctx context.Context) error {
			err := c.create(ctx, "selected", pod())
			if (err != nil) != (policy == "Fail") {
				return fmt.Errorf("a pod that falls under the webhook: %w", err)
			}
			return nil
		})
	}
	set(t.Context(), "Ignore")
	t.Cleanup(func() { set(context.Background(), "Fail") })
}

// webhook returns a client with the rights of the replicas' ServiceAccount.
func (c *cluster) webhook(t *testing.T) kubernetes.Interface {
	t.Helper()
	return c.as(t, release)
}

// as returns a client with the rights of a ServiceAccount of the release namespace.
func (c *cluster) as(t *testing.T, account string) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(c.configOf(account))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// configOf returns a configuration with the rights of a ServiceAccount of the release namespace.
func (c *cluster) configOf(account string) *rest.Config {
	config := rest.CopyConfig(c.config)
	config.Impersonate.UserName = "system:serviceaccount:" + namespace + ":" + account
	return config
}

func poll(ctx context.Context, t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := try(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("wait until %s: %v", what, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func pod(annotations ...string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "backup-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "dump", Image: "dump:1"}}},
	}
	for _, annotation := range annotations {
		key, value, _ := strings.Cut(annotation, "=")
		metav1.SetMetaDataAnnotation(&p.ObjectMeta, key, value)
	}
	return p
}

// injected returns the pod with the webhook's record, and with projected volumes of these names.
func injected(p *corev1.Pod, volumes ...string) *corev1.Pod {
	metav1.SetMetaDataAnnotation(&p.ObjectMeta, injector.AnnotationInjected,
		`{"profile":"payments/pg","kind":"CredentialProfile","uid":"6f1c","generation":3,"version":"v0.1.0","volume":true}`)
	for _, name := range volumes {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{
			Name: name, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}},
		})
	}
	return p
}
