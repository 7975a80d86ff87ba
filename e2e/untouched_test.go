package e2e_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/e2e/harness/release"
)

// warnings collects what the API server warns of.
type warnings struct {
	sync.Mutex
	texts []string
}

func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.Lock()
	defer w.Unlock()
	w.texts = append(w.texts, text)
}

func (w *warnings) text() string {
	w.Lock()
	defer w.Unlock()
	return strings.Join(w.texts, "\n")
}

// warned creates a pod and gives the warnings that come with it.
func (e *environment) warned(t *testing.T, pod *corev1.Pod, o metav1.CreateOptions) (*corev1.Pod, string) {
	t.Helper()
	config, w := rest.CopyConfig(e.target.REST), &warnings{}
	config.WarningHandler = w
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	created, err := kube.CoreV1().Pods(pod.Namespace).Create(t.Context(), pod, o)
	if err != nil {
		t.Fatal(err)
	}
	return created, w.text()
}

func TestNamespaceThatIsNotOptedIn(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, "")
	e.someProfile(t, namespace)
	pod, warning := e.warned(t, e.gated(namespace, injector.AnnotationProfile, "pg"), metav1.CreateOptions{})
	if isInjected(pod) || len(pod.Spec.Containers[0].Env) > 0 {
		t.Errorf("injected: %+v", pod.Spec.Containers[0].Env)
	}
	if !strings.Contains(warning, "kubectl label namespace "+namespace+" lighterman.dev/injection=enabled") {
		t.Errorf("the warning does not say what to do: %q", warning)
	}
}

func TestPodsThatAskForNothing(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	e.someProfile(t, namespace)
	for name, annotations := range map[string][]string{
		"no annotation": nil,
		"opted out":     {injector.AnnotationProfile, "pg", injector.AnnotationInject, "false"},
	} {
		t.Run(name, func(t *testing.T) {
			pod, warning := e.warned(t, e.gated(namespace, annotations...), metav1.CreateOptions{})
			if isInjected(pod) || warning != "" {
				t.Errorf("injected, or a warning: %q", warning)
			}
		})
	}
}

func TestSelectedPods(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionSelected)
	p := e.someProfile(t, namespace, func(s *v1alpha1.CredentialProfileSpec) {
		s.Selector = &v1alpha1.PodSelector{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"operator": "pg"}}}
	})
	waitFor(t, "a pod that the selector matches to be injected", 10*time.Second, func(ctx context.Context) (bool, string) {
		pod := e.gated(namespace)
		pod.Labels = map[string]string{"operator": "pg"}
		if err := e.client.Create(ctx, pod); err != nil { // The selector is looked up in the cache alone.
			return false, err.Error()
		}
		return isInjected(pod), "not injected"
	})
	other, _ := e.warned(t, e.gated(namespace), metav1.CreateOptions{})
	if isInjected(other) {
		t.Error("a pod that the selector does not match was injected")
	}
	second := p.DeepCopy()
	second.ObjectMeta = metav1.ObjectMeta{Name: "second", Namespace: namespace}
	e.create(t, second)
	waitFor(t, "two selectors to be an error", 10*time.Second, func(ctx context.Context) (bool, string) {
		pod := e.gated(namespace)
		pod.Labels = map[string]string{"operator": "pg"}
		err := e.client.Create(ctx, pod)
		return err != nil && strings.Contains(err.Error(), "the selectors of several profiles match the pod"), "created"
	})
}

func TestUserEnvironmentWins(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	e.someProfile(t, namespace)
	pod := e.gated(namespace, injector.AnnotationProfile, "pg")
	pod.Spec.Containers[0].Env = []corev1.EnvVar{
		{Name: "AWS_ACCESS_KEY_ID", Value: "mine"}, {Name: "AWS_SECRET_ACCESS_KEY", Value: "mine"},
	}
	pod, warning := e.warned(t, pod, metav1.CreateOptions{})
	c := pod.Spec.Containers[0]
	if envOf(c, "AWS_ACCESS_KEY_ID") != "mine" || envOf(c, "AWS_ROLE_ARN") != "" || envOf(c, "AWS_ENDPOINT_URL_S3") == "" {
		t.Errorf("env: %+v", c.Env)
	}
	if !strings.Contains(warning, "container \"dump\" sets AWS_ACCESS_KEY_ID itself") {
		t.Errorf("warning: %q", warning)
	}
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	e.someProfile(t, namespace)
	pod, _ := e.warned(t, e.gated(namespace, injector.AnnotationProfile, "pg"), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if !isInjected(pod) {
		t.Error("a dry run does not show the injected pod")
	}
	pods, err := e.kube.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(pods.Items) > 0 {
		t.Errorf("%d pods were made: %v", len(pods.Items), err)
	}
}

// TestServerSideApply applies a pod, and applies it again: what was injected is nobody's conflict, and stays.
func TestServerSideApply(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	e.someProfile(t, namespace)
	apply := func(owner string) *corev1.Pod {
		pod := e.gated(namespace, injector.AnnotationProfile, "pg")
		pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
		pod.GenerateName, pod.Name = "", "applied"
		//nolint:staticcheck // The typed Apply needs generated configurations that profiles do not have.
		if err := e.client.Patch(t.Context(), pod, client.Apply, client.FieldOwner(owner)); err != nil {
			t.Fatal(err)
		}
		return pod
	}
	first := apply("someone")
	second := apply("someone")
	if !isInjected(first) || !isInjected(second) || first.UID != second.UID {
		t.Errorf("injected: %v, %v; the same pod: %v", isInjected(first), isInjected(second), first.UID == second.UID)
	}
}

// TestWebhookIsDown is about the failure policy. It takes the webhook away from every other test, so it does not run
// beside them.
func TestWebhookIsDown(t *testing.T) {
	e := setup(t)
	labelled, plain := e.namespace(t, injector.InjectionEnabled), e.namespace(t, "")
	e.someProfile(t, labelled)
	e.scale(t, 0)
	defer e.scale(t, 2)
	if pod, _ := e.warned(t, e.gated(plain, injector.AnnotationProfile, "pg"), metav1.CreateOptions{}); isInjected(pod) {
		t.Error("injected by nobody")
	}
	e.warned(t, e.gated(plain), metav1.CreateOptions{})
	e.warned(t, e.gated(labelled), metav1.CreateOptions{}) // Names no profile: never reaches the webhook.
	err := e.client.Create(t.Context(), e.gated(labelled, injector.AnnotationProfile, "pg"))
	if err == nil || !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), "pods.lighterman.dev") {
		t.Errorf("a pod that asks for a profile was not stopped: %v", err)
	}
}

// scale gives the webhook so many replicas, and waits until they are there.
func (e *environment) scale(t *testing.T, replicas int32) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	key := client.ObjectKey{Namespace: release.Namespace, Name: release.Name}
	var d appsv1.Deployment
	if err := e.client.Get(ctx, key, &d); err != nil {
		t.Fatal(err)
	}
	patch := client.MergeFrom(d.DeepCopy())
	d.Spec.Replicas = new(replicas)
	if err := e.client.Patch(ctx, &d, patch); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(90 * time.Second)
	for {
		slices, err := e.kube.DiscoveryV1().EndpointSlices(release.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + release.Name})
		if err != nil {
			t.Fatal(err)
		}
		ready := int32(0)
		for _, s := range slices.Items {
			for _, endpoint := range s.Endpoints {
				if endpoint.Conditions.Ready != nil && *endpoint.Conditions.Ready {
					ready++
				}
			}
		}
		if err := e.client.Get(ctx, key, &d); err != nil {
			t.Fatal(err)
		}
		if ready == replicas && d.Status.Replicas == replicas && d.Status.ReadyReplicas == replicas {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d replicas are ready, and %d addresses; want %d", d.Status.ReadyReplicas, ready, replicas)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
