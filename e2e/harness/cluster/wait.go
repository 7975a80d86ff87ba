package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"lighterman.dev/lighterman/e2e/harness/node"
)

// progress prints steps with the seconds since the start.
type progress struct {
	out   io.Writer
	start time.Time
}

func newProgress(out io.Writer) *progress { return &progress{out: out, start: time.Now()} }

func (p *progress) step(what string) {
	fmt.Fprintf(p.out, "%6.1fs  %s\n", time.Since(p.start).Seconds(), what)
}

// REST is the client configuration of the running cluster's administrator.
func (c *Cluster) REST() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig of %s: %w", c.Name, err)
	}
	return config, nil
}

// stage is one thing to wait for. check is repeated until it returns nil.
type stage struct {
	what string
	// log is the component to look at when it does not happen.
	log   string
	check func(context.Context) error
}

func (c *Cluster) wait(ctx context.Context, p *progress, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	config, err := c.REST()
	if err != nil {
		return err
	}
	config.Timeout = 5 * time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("connect to cluster: %w", err)
	}
	for _, s := range c.stages(client) {
		if err := c.reach(ctx, s); err != nil {
			return err
		}
		p.step(s.what)
	}
	return nil
}

func (c *Cluster) stages(client kubernetes.Interface) []stage {
	return []stage{
		{"container runtime runs", "containerd", func(context.Context) error {
			running, _, err := c.node()
			if err != nil {
				return err
			}
			_, err = os.Stat(filepath.Join("/proc", fmt.Sprint(running.PID), "root", node.Socket))
			return err
		}},
		{"pause image loaded", "containerd", func(ctx context.Context) error { return c.Load(ctx, c.path("pause.tar")) }},
		{"API server ready", "kube-apiserver", func(ctx context.Context) error {
			return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
		}},
		{"token issuer open to anybody", "kube-apiserver", func(ctx context.Context) error { return openIssuer(ctx, client) }},
		{"node ready", "kubelet", func(ctx context.Context) error { return nodeReady(ctx, client) }},
		{"default service account exists", "kube-controller-manager", func(ctx context.Context) error {
			_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
			return err
		}},
	}
}

func (c *Cluster) reach(ctx context.Context, s stage) error {
	for {
		err := s.check(ctx)
		if err == nil {
			return nil
		}
		if _, _, lost := c.node(); errors.Is(lost, ErrNotRunning) {
			return lost
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for: %s: %w; last seen: %w; see %s", s.what, ctx.Err(), err, c.path("logs", s.log+".log"))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func nodeReady(ctx context.Context, client kubernetes.Interface) error {
	n, err := client.CoreV1().Nodes().Get(ctx, node.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for _, cond := range n.Status.Conditions {
		if cond.Type == corev1.NodeReady && cond.Status != corev1.ConditionTrue {
			return errors.New(cond.Message)
		}
	}
	// Pods without tolerations wait for the taint to go, which is a moment after the condition.
	for _, taint := range n.Spec.Taints {
		return fmt.Errorf("node is tainted %s", taint.Key)
	}
	return nil
}

// openIssuer lets anybody read the issuer's discovery document and keys, which is how others verify service account tokens.
func openIssuer(ctx context.Context, client kubernetes.Interface) error {
	_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "issuer-discovery-for-anybody"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:service-account-issuer-discovery"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "system:unauthenticated"}},
	}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
