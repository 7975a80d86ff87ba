package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"lighterman.dev/lighterman/e2e/harness/image"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// Names as the chart gives them.
const (
	name      = "lighterman"
	namespace = "lighterman-system"
	secret    = "lighterman-ca"
	// servingSecret is what the webhook reads.
	servingSecret = "lighterman-serving"
)

// server is an API server with its etcd, and what the chart installs besides the Deployment.
type server struct {
	env        *envtest.Environment
	builder    *tools.Builder
	config     *rest.Config
	kube       kubernetes.Interface
	dir        string
	kubeconfig string
}

func startServer(ctx context.Context, dir string) (*server, error) {
	b, err := tools.NewBuilder(os.Stderr)
	if err != nil {
		return nil, err
	}
	etcd, err := b.Build(ctx, tools.Etcd())
	if err != nil {
		return nil, err
	}
	kubernetesDir, err := b.Build(ctx, tools.Kubernetes())
	if err != nil {
		return nil, err
	}
	s := &server{builder: b, dir: dir, kubeconfig: filepath.Join(dir, "kubeconfig"), env: &envtest.Environment{
		CRDDirectoryPaths:        []string{filepath.Join(b.Source, "charts", "lighterman", "files", "crds")},
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}}
	s.env.ControlPlane.Etcd = &envtest.Etcd{Path: filepath.Join(etcd, "etcd")}
	// Nothing is kept, so nothing has to reach the disk.
	s.env.ControlPlane.Etcd.Configure().Append("unsafe-no-fsync", "true")
	s.env.ControlPlane.GetAPIServer().Path = filepath.Join(kubernetesDir, "kube-apiserver")
	fmt.Fprintln(os.Stderr, "starting etcd and kube-apiserver")
	if s.config, err = s.env.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start API server: %w", err), s.stop())
	}
	s.config.QPS = -1
	if err := s.install(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// stop ends the processes. When the terminal's interrupt has ended them already, that is no error.
func (s *server) stop() error {
	if err := s.env.Stop(); err != nil {
		return fmt.Errorf("stop API server: %w", err)
	}
	return nil
}

// install makes what the webhook expects to find: its Secrets, still empty, and its webhook configuration.
func (s *server) install(ctx context.Context) error {
	if err := os.WriteFile(s.kubeconfig, s.env.KubeConfig, 0o600); err != nil {
		return fmt.Errorf("write kubeconfig: %w", err)
	}
	config := rest.CopyConfig(s.config)
	config.ContentType = "application/vnd.kubernetes.protobuf"
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	s.kube = kube
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := kube.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create namespace: %w", err)
	}
	for _, name := range []string{secret, servingSecret} {
		empty := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := kube.CoreV1().Secrets(namespace).Create(ctx, empty, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create Secret %s: %w", name, err)
		}
	}
	_, err = kube.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, configuration(), metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("create webhook configuration: %w", err)
	}
	return nil
}

// configuration is what the chart makes, but for the match conditions: no pod is created here.
func configuration() *admissionregistrationv1.MutatingWebhookConfiguration {
	return &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "pods.lighterman.dev",
			ClientConfig: admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{
				Name: name, Namespace: namespace, // The keeper of certificates fills the path in.
			}},
			AdmissionReviewVersions: []string{"v1"},
			SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNoneOnDryRun),
			TimeoutSeconds:          ptr.To[int32](5),
			NamespaceSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
				Key: injector.NamespaceLabel, Operator: metav1.LabelSelectorOpIn,
				Values: []string{injector.InjectionEnabled, injector.InjectionSelected},
			}}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}},
	}
}

// build builds the program as the Dockerfile does.
func (s *server) build(ctx context.Context) (string, error) {
	program := filepath.Join(s.dir, "lighterman")
	fmt.Fprintln(os.Stderr, "building lighterman")
	return program, s.builder.BuildMain(ctx, tools.Main{Module: ".", Package: ".", Out: program, Tags: image.BuildTag})
}
