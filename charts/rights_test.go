package charts_test

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr/testr"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"lighterman.dev/lighterman/certs"
	"lighterman.dev/lighterman/webhook/caller"
)

func (c *cluster) testRBAC(t *testing.T) {
	ctx, webhook := t.Context(), c.webhook(t)
	byName := metav1.ListOptions{FieldSelector: "metadata.name=" + release}
	secret, err := webhook.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + release + "-serving"})
	if err != nil || len(secret.Items) != 1 || secret.Items[0].Data != nil {
		t.Fatalf("list the serving Secret by name: %v, %v; want one that is empty", secret, err)
	}
	takeOver := readFile(t, filepath.Join("testdata", "own-webhook-configuration-patch.json"))
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: release, Namespace: namespace}}
	account := []byte(`{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"fresh","annotations":{"lighterman.dev/annotated-for":"CredentialProfile/pg"}}}`)
	other := []byte(`{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"other"}}`)
	event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{GenerateName: "denied-", Namespace: "plain"}, InvolvedObject: corev1.ObjectReference{Namespace: "plain"}}
	denied := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "denied-", Namespace: "plain"}, EventTime: metav1.NowMicro(), ReportingController: "lighterman",
		ReportingInstance: "lighterman-1", Action: "Deny", Reason: "UnknownProfile", Type: "Warning", Regarding: corev1.ObjectReference{Namespace: "plain"},
	}
	tests := map[string]struct {
		err       error
		forbidden bool
	}{
		"watch namespaces":                  {err: second(webhook.CoreV1().Namespaces().List(ctx, metav1.ListOptions{}))},
		"list profiles":                     {err: list(ctx, webhook, "credentialprofiles")},
		"list cluster profiles":             {err: list(ctx, webhook, "clustercredentialprofiles")},
		"list its webhook configuration":    {err: second(webhook.AdmissionregistrationV1().MutatingWebhookConfigurations().List(ctx, byName)), forbidden: true},
		"send itself all Secrets":           {err: second(webhook.AdmissionregistrationV1().MutatingWebhookConfigurations().Patch(ctx, release, types.JSONPatchType, takeOver, metav1.PatchOptions{})), forbidden: true},
		"read the CA's key":                 {err: second(webhook.CoreV1().Secrets(namespace).Get(ctx, release+"-ca", metav1.GetOptions{})), forbidden: true},
		"write the serving Secret":          {err: second(webhook.CoreV1().Secrets(namespace).Update(ctx, &secret.Items[0], metav1.UpdateOptions{})), forbidden: true},
		"create an event of core/v1":        {err: second(webhook.CoreV1().Events("plain").Create(ctx, event, metav1.CreateOptions{})), forbidden: true},
		"create its lease":                  {err: second(webhook.CoordinationV1().Leases(namespace).Create(ctx, lease, metav1.CreateOptions{}))},
		"get its lease":                     {err: second(webhook.CoordinationV1().Leases(namespace).Get(ctx, release, metav1.GetOptions{}))},
		"create an event":                   {err: second(webhook.EventsV1().Events("plain").Create(ctx, denied, metav1.CreateOptions{}))},
		"list all webhook configurations":   {err: second(webhook.AdmissionregistrationV1().MutatingWebhookConfigurations().List(ctx, metav1.ListOptions{})), forbidden: true},
		"list all Secrets of its namespace": {err: second(webhook.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{})), forbidden: true},
		"read a Secret elsewhere":           {err: second(webhook.CoreV1().Secrets("plain").Get(ctx, release+"-ca", metav1.GetOptions{})), forbidden: true},
		"list pods":                         {err: second(webhook.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})), forbidden: true},
		"list service accounts":             {err: second(webhook.CoreV1().ServiceAccounts("").List(ctx, metav1.ListOptions{}))},
		"annotate a service account":        {err: second(webhook.CoreV1().ServiceAccounts("enabled").Patch(ctx, "fresh", types.ApplyPatchType, account, metav1.PatchOptions{FieldManager: "lighterman"}))},
		"create a service account":          {err: second(webhook.CoreV1().ServiceAccounts("enabled").Patch(ctx, "other", types.ApplyPatchType, other, metav1.PatchOptions{FieldManager: "lighterman"})), forbidden: true},
		"issue a token":                     {err: second(webhook.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, release, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})), forbidden: true},
	}
	for name, test := range tests {
		if apierrors.IsForbidden(test.err) != test.forbidden || !test.forbidden && test.err != nil {
			t.Errorf("%s: %v", name, test.err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func list(ctx context.Context, client kubernetes.Interface, resource string) error {
	group := schema.GroupVersion{Group: "lighterman.dev", Version: "v1alpha1"}
	return client.Discovery().RESTClient().Verb(http.MethodGet).AbsPath("/apis", group.String(), resource).Do(ctx).Error()
}

// testCertsRBAC holds that the keeper of certificates can do what no other account of the release can, and nothing else.
func (c *cluster) testCertsRBAC(t *testing.T) {
	ctx, keeper := t.Context(), c.as(t, release+"-certs")
	byName := metav1.ListOptions{FieldSelector: "metadata.name=" + release}
	configurations := keeper.AdmissionregistrationV1().MutatingWebhookConfigurations()
	nothing := []byte(`{}`)
	tests := map[string]struct {
		err       error
		forbidden bool
	}{
		"list its webhook configuration":    {err: second(configurations.List(ctx, byName))},
		"patch its webhook configuration":   {err: second(configurations.Patch(ctx, release, types.MergePatchType, nothing, metav1.PatchOptions{}))},
		"read the CA":                       {err: second(keeper.CoreV1().Secrets(namespace).Get(ctx, release+"-ca", metav1.GetOptions{}))},
		"list its Deployment":               {err: second(keeper.AppsV1().Deployments(namespace).List(ctx, byName))},
		"list all webhook configurations":   {err: second(configurations.List(ctx, metav1.ListOptions{})), forbidden: true},
		"patch another one":                 {err: second(configurations.Patch(ctx, "other", types.MergePatchType, nothing, metav1.PatchOptions{})), forbidden: true},
		"list all Secrets of its namespace": {err: second(keeper.CoreV1().Secrets(namespace).List(ctx, metav1.ListOptions{})), forbidden: true},
		"read a Secret elsewhere":           {err: second(keeper.CoreV1().Secrets("plain").Get(ctx, release+"-ca", metav1.GetOptions{})), forbidden: true},
		"change its Deployment":             {err: second(keeper.AppsV1().Deployments(namespace).Patch(ctx, release, types.MergePatchType, nothing, metav1.PatchOptions{})), forbidden: true},
		"list profiles":                     {err: list(ctx, keeper, "credentialprofiles"), forbidden: true},
		"list service accounts":             {err: second(keeper.CoreV1().ServiceAccounts("").List(ctx, metav1.ListOptions{})), forbidden: true},
		"list pods":                         {err: second(keeper.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})), forbidden: true},
	}
	for name, test := range tests {
		if apierrors.IsForbidden(test.err) != test.forbidden || !test.forbidden && test.err != nil {
			t.Errorf("%s: %v", name, test.err)
		}
	}
}

// testKeeper runs an Issuer and a Source with the rights and the options that the chart gives them.
func (c *cluster) testKeeper(t *testing.T) {
	configurations := c.AdmissionregistrationV1().MutatingWebhookConfigurations()
	configuration, err := configurations.Get(t.Context(), release, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range configuration.Webhooks {
		if got := entry.ClientConfig; got.Service.Path != nil || got.CABundle != nil {
			t.Errorf("%s is installed with a path or a caBundle", entry.Name)
		}
	}
	options := certs.IssuerOptions{Namespace: namespace, DNSNames: certs.DNSNames(release, namespace), PathPrefix: caller.Path + "/"}
	flags := flag.NewFlagSet("certs", flag.ContinueOnError)
	options.BindFlags(flags)
	for _, arg := range named[*appsv1.Deployment](t, "default", release+"-certs").Spec.Template.Spec.Containers[0].Args[1:] {
		if name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "="); flags.Lookup(name) != nil {
			if err := flags.Parse([]string{arg}); err != nil {
				t.Fatal(err)
			}
		}
	}
	issuer, err := certs.NewIssuer(c.configOf(release+"-certs"), options, testr.New(t))
	if err != nil {
		t.Fatal(err)
	}
	source, err := certs.New(c.configOf(release), certs.Options{
		Namespace: namespace, SecretName: options.SecretName, DNSNames: options.DNSNames, PathPrefix: options.PathPrefix,
	}, testr.New(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- issuer.Start(ctx) }()
	go func() { ended <- source.Start(ctx) }()
	poll(t.Context(), t, "the certificate is issued and the path published", func(context.Context) error {
		return errors.Join(issuer.Ready(nil), source.Ready(nil))
	})
	cancel()
	if err := errors.Join(<-ended, <-ended); err != nil {
		t.Error(err)
	}
	if configuration, err = configurations.Get(t.Context(), release, metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, entry := range configuration.Webhooks {
		if path := entry.ClientConfig.Service.Path; path == nil || !source.Accepts(*path) || source.Accepts(caller.Path) {
			t.Errorf("%s has a path that the replica refuses", entry.Name)
		}
	}
}
