package e2e_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/release"
	"lighterman.dev/lighterman/e2e/harness/require"
	"lighterman.dev/lighterman/e2e/harness/store"
	"lighterman.dev/lighterman/e2e/harness/tools"
	"lighterman.dev/lighterman/e2e/harness/workload"
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}

// environment is what every test of this package uses: a cluster with Lighterman and an object store in it.
type environment struct {
	target  *cluster.Target
	kube    kubernetes.Interface
	client  client.Client
	release *release.Release
	store   *store.Store
	// backup is the image of the backup program, as the cluster knows it.
	backup string
}

// shared is made by the first test that needs it. A failure is every later test's too.
var shared struct { // Bringing it up takes a minute, and tests cannot hand it on to each other.
	sync.Mutex
	env  *environment
	skip string
	err  error
}

// setup gives the shared environment; where there can be none, the test ends through package require.
func setup(t *testing.T) *environment {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.env == nil && shared.err == nil && shared.skip == "" {
		target := cluster.ForTest(t) // Ends the test, and leaves the decision to the next one.
		shared.env, shared.err = newEnvironment(t, target)
		if errors.Is(shared.err, cluster.ErrNoRepository) {
			shared.skip = shared.err.Error()
		}
	}
	if shared.skip != "" {
		require.Skip(t, shared.skip)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.env
}

func newEnvironment(t *testing.T, target *cluster.Target) (*environment, error) {
	t.Helper()
	b, err := tools.NewBuilder(os.Stderr)
	if err != nil {
		return nil, err
	}
	// Not the test's context: the environment outlives it.
	ctx := context.WithoutCancel(t.Context())
	e := &environment{target: target, store: store.ForTest(t, target)}
	if e.kube, err = kubernetes.NewForConfig(target.REST); err != nil {
		return nil, err
	}
	if e.client, err = newClient(target.REST); err != nil {
		return nil, err
	}
	if e.backup, err = workload.Deliver(ctx, b, target); err != nil {
		return nil, err
	}
	e.release, err = release.Install(ctx, b, target, release.Options{Set: []string{"log.level=debug"}})
	return e, err
}

func newClient(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// namespace makes a namespace for the test, with a bucket of the same name and a ConfigMap and a Secret "store-ca" with
// the store's CA. injection is the value of the label that opts it in; empty: it is not opted in.
func (e *environment) namespace(t *testing.T, injection string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-", Labels: map[string]string{"e2e": "true"}}}
	if injection != "" {
		ns.Labels[injector.NamespaceLabel] = injection
	}
	e.create(t, ns)
	e.create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "backup", Namespace: ns.Name}})
	ca := string(e.store.CABundle())
	e.create(t, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "store-ca", Namespace: ns.Name}, Data: map[string]string{"ca.crt": ca},
	})
	e.create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "store-ca", Namespace: ns.Name}, StringData: map[string]string{"ca.crt": ca},
	})
	if err := e.store.CreateBucket(t.Context(), ns.Name); err != nil {
		t.Fatal(err)
	}
	return ns.Name
}

// create creates an object, and deletes it when the test has ended.
func (e *environment) create(t *testing.T, object client.Object) {
	t.Helper()
	if err := e.client.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := e.client.Delete(context.WithoutCancel(t.Context()), object, client.PropagationPolicy(metav1.DeletePropagationBackground))
		if client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	})
}

// waitFor asks until done, and fails with what the last answer was.
func waitFor(t *testing.T, what string, timeout wait, done func(context.Context) (bool, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	for {
		ok, state := done(ctx)
		if ok {
			return
		}
		if pause(ctx) != nil {
			t.Fatalf("%s: not within %s; last seen: %s", what, timeout, state)
		}
	}
}
