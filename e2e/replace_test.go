package e2e_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/e2e/harness/portforward"
	"lighterman.dev/lighterman/e2e/harness/release"
)

// stream creates pods, one after the other from each of several clients, until it is stopped.
type stream struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	sync.Mutex
	created int
	faults  []string
}

func (e *environment) startStream(t *testing.T, namespace string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &stream{cancel: cancel}
	for range 3 {
		s.done.Go(func() {
			for ctx.Err() == nil {
				pod := e.gated(namespace, injector.AnnotationProfile, "pg")
				// Not the stream's context: a request that is cut off at the end is no failure.
				err := e.client.Create(context.WithoutCancel(ctx), pod)
				s.Lock()
				s.created++
				if err != nil {
					s.faults = append(s.faults, err.Error())
				} else if !isInjected(pod) {
					s.faults = append(s.faults, pod.Name+" was not injected")
				}
				s.Unlock()
				time.Sleep(30 * time.Millisecond)
			}
		})
	}
	t.Cleanup(cancel)
	return s
}

// stop ends the stream and fails the test for each pod that was not created, or not injected.
func (s *stream) stop(t *testing.T) {
	t.Helper()
	s.cancel()
	s.done.Wait()
	t.Logf("%d pods were created", s.created)
	if s.created < 50 {
		t.Errorf("only %d pods: too few to tell", s.created)
	}
	if len(s.faults) > 0 {
		t.Errorf("%d of %d pods failed:\n%s", len(s.faults), s.created, strings.Join(s.faults[:min(5, len(s.faults))], "\n"))
	}
}

// TestReplacingBothReplicas rolls the Deployment while pods are created all the time.
func TestReplacingBothReplicas(t *testing.T) {
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	e.someProfile(t, namespace)
	before := e.webhookPods(t.Context(), t)
	s := e.startStream(t, namespace)
	key := client.ObjectKey{Namespace: release.Namespace, Name: release.Name}
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"e2e/restarted":%q}}}}}`, time.Now().Format(time.RFC3339Nano))
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	if err := e.client.Patch(t.Context(), deployment, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "two new replicas, and the old ones gone", 3*time.Minute, func(ctx context.Context) (bool, string) {
		now := e.webhookPods(ctx, t)
		for name := range before {
			if _, there := now[name]; there {
				return false, name + " is still there"
			}
		}
		ready := 0
		for _, pod := range now {
			for _, c := range pod.Status.Conditions {
				if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
					ready++
				}
			}
		}
		return len(now) == 2 && ready == 2, fmt.Sprintf("%d pods, %d of them ready", len(now), ready)
	})
	s.stop(t)
}

// TestRotatingTheCA takes the CA away while pods are created all the time. Both replicas must come to serve a
// certificate of the new one.
func TestRotatingTheCA(t *testing.T) {
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	e.someProfile(t, namespace)
	before, trusted := e.issuers(t.Context(), t), e.bundle(t)
	s := e.startStream(t, namespace)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: release.Namespace, Name: release.Name + "-ca"}}
	if err := e.client.Patch(t.Context(), secret, client.RawPatch(types.MergePatchType, []byte(`{"data":null}`))); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "both replicas to serve certificates of the new CA", 2*time.Minute, func(ctx context.Context) (bool, string) {
		now := e.issuers(ctx, t)
		for name, issuer := range now {
			if issuer == before[name] {
				return false, name + " serves a certificate of the old CA"
			}
		}
		return len(now) == 2, fmt.Sprintf("%d replicas", len(now))
	})
	time.Sleep(2 * time.Second) // Pods are created with the new certificates too.
	s.stop(t)
	if n := e.bundle(t); n != trusted+1 {
		t.Errorf("caBundle holds %d CAs, after %d: want the new one besides the old, which have not expired", n, trusted)
	}
}

func (e *environment) webhookPods(ctx context.Context, t *testing.T) map[string]corev1.Pod {
	t.Helper()
	pods, err := e.kube.CoreV1().Pods(release.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=lighterman"})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]corev1.Pod{}
	for _, p := range pods.Items {
		found[p.Name] = p
	}
	return found
}

// issuers gives, for each replica that is to stay, the key of the CA that signed the certificate it serves.
func (e *environment) issuers(ctx context.Context, t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for name, pod := range e.webhookPods(ctx, t) {
		if pod.DeletionTimestamp != nil {
			continue
		}
		raw, err := portforward.Dialer{REST: e.target.REST, Namespace: release.Namespace, Pod: name, Port: 9443}.DialContext(ctx, "", "")
		if err != nil {
			t.Fatal(err)
		}
		conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
		err = conn.HandshakeContext(ctx)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = fmt.Sprintf("%x", conn.ConnectionState().PeerCertificates[0].AuthorityKeyId)
		if err := raw.Close(); err != nil {
			t.Log(err)
		}
	}
	return found
}

// bundle counts the CAs that the API server trusts the webhook by.
func (e *environment) bundle(t *testing.T) int {
	t.Helper()
	config, err := e.kube.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), release.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rest := config.Webhooks[0].ClientConfig.CABundle; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return n
		}
	}
}
