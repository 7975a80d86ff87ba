package webhook

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakewebhooks"
)

const (
	ownRole, otherRole     = "arn:aws:iam::111122223333:role/backup", "arn:aws:iam::111122223333:role/other"
	ownClient, otherClient = "00000000-0000-0000-0000-00000000000c", "00000000-0000-0000-0000-00000000000f"
	tenant                 = "00000000-0000-0000-0000-00000000000a"
	proxyName              = "a0123.ests.aks"
)

// TestOtherWebhooksOnAPIServer registers the webhooks of EKS and Azure, and a sidecar injector, beside Lighterman's, once
// with a name that sorts before it and once after: the API server asks them in the order of their names, and some again.
func TestOtherWebhooksOnAPIServer(t *testing.T) {
	a := startAPIServer(t)
	a.start(t, "lighterman", injector.Settings{Version: "test"}, "get", "list", "watch", "patch").serveAll(t)

	web := v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{
		Bucket: "pg-backups", Region: "eu-west-1", Auth: v1alpha1.S3Auth{WebIdentity: &v1alpha1.S3WebIdentity{RoleARN: ownRole}},
	}}
	agent := v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{
		Bucket: "pg-backups", Region: "eu-west-1", Auth: v1alpha1.S3Auth{PodIdentity: &v1alpha1.S3PodIdentity{}},
	}}
	workload := v1alpha1.CredentialProfileSpec{Azure: &v1alpha1.AzureStore{
		StorageAccount: "backups", Container: "pgc",
		Auth: v1alpha1.AzureAuth{WorkloadIdentity: &v1alpha1.AzureWorkloadIdentity{ClientID: ownClient, TenantID: tenant}},
	}}
	managed := v1alpha1.CredentialProfileSpec{Azure: &v1alpha1.AzureStore{
		StorageAccount: "backups", Container: "pgc",
		Auth: v1alpha1.AzureAuth{ManagedIdentity: &v1alpha1.AzureManagedIdentity{ClientID: ownClient}},
	}}
	bound := *workload.DeepCopy()
	bound.Azure.Auth.WorkloadIdentity.IdentityBinding = &v1alpha1.AKSIdentityBinding{SNIName: proxyName}
	const keeps = "keeps the identity"
	tests := map[string]struct {
		namespace string
		spec      v1alpha1.CredentialProfileSpec
		// env is what the container must have; a variable with an empty value must be missing.
		env     map[string]string
		warning string
	}{
		"EKS first: its role stays":          {"eks-first", web, map[string]string{"AWS_ROLE_ARN": otherRole}, keeps},
		"EKS last: the profile's role stays": {"eks-last", web, map[string]string{"AWS_ROLE_ARN": ownRole}, ""},
		"EKS first, pod identity: its role":  {"eks-first", agent, map[string]string{"AWS_ROLE_ARN": otherRole, "AWS_CONTAINER_CREDENTIALS_FULL_URI": ""}, keeps},
		"EKS last, pod identity: kept out":   {"eks-last", agent, map[string]string{"AWS_ROLE_ARN": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials"}, ""},
		"Azure first: its client stays":      {"azure-first", workload, map[string]string{"AZURE_CLIENT_ID": otherClient, "AZURE_TOKEN_CREDENTIALS": ""}, keeps},
		"Azure last: the profile's client":   {"azure-last", workload, map[string]string{"AZURE_CLIENT_ID": ownClient, "AZURE_FEDERATED_TOKEN_FILE": injector.MountPath + "/token"}, ""},
		"Azure last, managed identity":       {"azure-last", managed, map[string]string{"AZURE_CLIENT_ID": ownClient, "AZURE_FEDERATED_TOKEN_FILE": ""}, ""},
		"AKS first, directly: its proxy": {"aks-first", workload, map[string]string{
			"AZURE_CLIENT_ID": otherClient, "AZURE_KUBERNETES_SNI_NAME": proxyName, "AZURE_TOKEN_CREDENTIALS": "",
		}, keeps},
		"AKS last, directly: no proxy": {"aks-last", workload, map[string]string{
			"AZURE_CLIENT_ID": ownClient, "AZURE_FEDERATED_TOKEN_FILE": injector.MountPath + "/token",
			"AZURE_KUBERNETES_TOKEN_PROXY": "", "AZURE_KUBERNETES_SNI_NAME": "", "AZURE_KUBERNETES_CA_FILE": "",
		}, ""},
		"AKS first, a binding: its client": {"aks-first", bound, map[string]string{
			"AZURE_CLIENT_ID": otherClient, "AZURE_KUBERNETES_CA_FILE": "/var/run/secrets/azure/wi/ca-cert/ca.crt",
		}, keeps},
		"AKS last, a binding: the profile's": {"aks-last", bound, map[string]string{
			"AZURE_CLIENT_ID": ownClient, "AZURE_FEDERATED_TOKEN_FILE": injector.MountPath + "/token",
			"AZURE_KUBERNETES_SNI_NAME": proxyName, "AZURE_KUBERNETES_CA_FILE": injector.MountPath + "/token-proxy-ca.crt",
		}, ""},
		"a mesh first":                         {"mesh-first", web, map[string]string{"AWS_ROLE_ARN": ownRole}, ""},
		"a mesh last, with a sidecar in front": {"mesh-last", web, map[string]string{"AWS_ROLE_ARN": ownRole}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p := &v1alpha1.CredentialProfile{ObjectMeta: metav1.ObjectMeta{Namespace: test.namespace, GenerateName: "pg-"}, Spec: test.spec}
			a.create(t, p)
			pod, warnings := a.createPod(t, test.namespace, p.Name)
			checkContainers(t, pod, test.env)
			if got := strings.Join(warnings, "\n"); (test.warning == "") != (got == "") || !strings.Contains(got, test.warning) {
				t.Errorf("warnings %q, want %q", got, test.warning)
			}
		})
	}
}

// checkContainers checks every container, also those that came from another webhook.
func checkContainers(t *testing.T, pod *corev1.Pod, want map[string]string) {
	t.Helper()
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		env, mounts := map[string]string{}, map[string]bool{}
		for _, e := range c.Env {
			if _, twice := env[e.Name]; twice {
				t.Errorf("container %s has %s twice", c.Name, e.Name)
			}
			env[e.Name] = e.Value
		}
		for _, m := range c.VolumeMounts {
			if mounts[m.MountPath] {
				t.Errorf("container %s has a mount at %s twice", c.Name, m.MountPath)
			}
			mounts[m.MountPath] = true
		}
		for name, value := range want {
			if env[name] != value {
				t.Errorf("container %s has %s=%q, want %q", c.Name, name, env[name], value)
			}
		}
	}
}

// linkerd puts a native sidecar in front of all other init containers, as linkerd2 edge-25.8 and istio 1.27 do.
type linkerd struct{}

func (linkerd) Mutate(pod *corev1.Pod) {
	always := corev1.ContainerRestartPolicyAlways
	pod.Spec.InitContainers = slices.Insert(pod.Spec.InitContainers, 0, corev1.Container{
		Name: "linkerd-proxy", Image: "proxy", RestartPolicy: &always,
	})
}

// serveAll registers Lighterman, and each other webhook under a name before and after it, for namespaces of their own.
func (r *replica) serveAll(t *testing.T) {
	t.Helper()
	others := map[string]struct {
		hook  fakewebhooks.Webhook
		again admissionregistrationv1.ReinvocationPolicyType
	}{
		"eks":   {fakewebhooks.EKS{RoleARN: otherRole, Region: "eu-west-1"}, admissionregistrationv1.NeverReinvocationPolicy},
		"azure": {fakewebhooks.Azure{ClientID: otherClient, TenantID: tenant}, admissionregistrationv1.IfNeededReinvocationPolicy},
		"aks": {fakewebhooks.Azure{
			ClientID: otherClient, TenantID: tenant, TokenProxy: "https://kubernetes.default.svc.cluster.local", SNIName: proxyName,
			CAConfigMap: "kube-root-ca.crt",
		}, admissionregistrationv1.IfNeededReinvocationPolicy},
		"mesh": {linkerd{}, admissionregistrationv1.NeverReinvocationPolicy},
	}
	r.register(t, "lighterman", "", r.handler, admissionregistrationv1.IfNeededReinvocationPolicy)
	for name, other := range others {
		hook := reviewer(other.hook)
		for order, prefix := range map[string]string{"first": "a-", "last": "z-"} {
			namespace := name + "-" + order
			r.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{injector.NamespaceLabel: injector.InjectionSelected}}})
			r.register(t, prefix+name, namespace, hook, other.again)
		}
	}
	for name := range others {
		for _, order := range []string{"first", "last"} {
			eventually(t, func() error { return r.asked(t, name+"-"+order) })
		}
	}
}

// asked fails until the API server asks both webhooks of a namespace, which it reads the configurations of a moment later.
func (a *apiServer) asked(t *testing.T, namespace string) error {
	t.Helper()
	pod := dump(namespace)
	if err := a.admin.Create(t.Context(), pod, client.DryRunAll); err != nil {
		return err
	}
	if len(pod.Spec.Volumes)+len(pod.Spec.InitContainers) == 0 {
		return errors.New("the other webhook is not asked yet")
	}
	pod = dump(namespace)
	pod.Annotations = map[string]string{injector.AnnotationProfile: "missing"}
	err := a.admin.Create(t.Context(), pod, client.DryRunAll)
	if denied := apierrors.ReasonForError(err) == metav1.StatusReasonForbidden; !denied {
		return errors.Join(errors.New("Lighterman is not asked yet"), err)
	}
	return nil
}

func dump(namespace string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, GenerateName: "dump-", Labels: map[string]string{fakewebhooks.AzureLabel: "true"},
		},
		Spec: corev1.PodSpec{ServiceAccountName: "backup", Containers: []corev1.Container{{Name: "dump", Image: "dump"}}},
	}
}

// register has the API server ask the hook about the pods of a namespace; none: of all.
func (a *apiServer) register(t *testing.T, name, namespace string, hook http.Handler, again admissionregistrationv1.ReinvocationPolicyType) {
	t.Helper()
	server := httptest.NewTLSServer(hook)
	t.Cleanup(server.Close)
	url, none, fail := server.URL+Path, admissionregistrationv1.SideEffectClassNone, admissionregistrationv1.Fail
	selector := &metav1.LabelSelector{}
	if namespace != "" {
		selector.MatchLabels = map[string]string{corev1.LabelMetadataName: namespace}
	}
	a.create(t, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: name + ".example.com", SideEffects: &none, FailurePolicy: &fail, ReinvocationPolicy: &again,
			AdmissionReviewVersions: []string{"v1"}, NamespaceSelector: selector,
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: pem.EncodeToMemory(&pem.Block{
				Type: "CERTIFICATE", Bytes: server.Certificate().Raw,
			})},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}},
	})
}

// reviewer answers reviews with the patch of another webhook.
func reviewer(hook fakewebhooks.Webhook) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		patch, err := fakewebhooks.Patch(hook, review.Request.Object.Raw)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		kind := admissionv1.PatchTypeJSONPatch
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true, Patch: patch, PatchType: &kind}
		review.Request = nil
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(review) // A client that has gone fails the test by itself.
	})
}

// createPod creates a pod that names a profile, and returns it as it is stored, with the warnings that came with it.
func (a *apiServer) createPod(t *testing.T, namespace, profile string) (*corev1.Pod, []string) {
	t.Helper()
	collected := new(warnings)
	cfg := rest.CopyConfig(a.cfg)
	cfg.WarningHandler = collected
	admin, err := client.New(cfg, client.Options{Scheme: a.admin.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	pod := dump(namespace)
	pod.Annotations = map[string]string{injector.AnnotationProfile: profile}
	if strings.HasPrefix(namespace, "aks-") {
		pod.Annotations[fakewebhooks.AzureBinding] = "true"
	}
	if err := admin.Create(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	return pod, collected.text
}

// warnings collects what the API server answers in Warning headers.
type warnings struct {
	sync.Mutex
	text []string
}

func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.Lock()
	defer w.Unlock()
	w.text = append(w.text, text)
}
