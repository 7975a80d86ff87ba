package charts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/go-logr/logr/testr"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"lighterman.dev/lighterman/certs"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/webhook/caller"
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

// testRecords creates pods as they are after every mutating webhook.
func (c *cluster) testRecords(t *testing.T) {
	const asks = "lighterman.dev/profile=pg"
	recorded := func(record string, annotations ...string) *corev1.Pod {
		return pod(append(annotations, injector.AnnotationInjected+"="+record)...)
	}
	emptied := injected(pod(asks))
	emptied.Spec.Volumes = []corev1.Volume{{Name: injector.VolumeName}}
	const lost, notSent, rewritten, unseen = "some other webhook removed it", "this pod does not reach it",
		"is not in the form in which Lighterman writes it", "Lighterman was not asked about it"
	tests := map[string]struct {
		in        *corev1.Pod
		namespace string
		want      string // in the denial; empty: it is admitted
	}{
		"injected, with its volume":                 {injected(pod(asks), "data", injector.VolumeName), "enabled", ""},
		"injected without a volume":                 {recorded(record, asks), "enabled", ""},
		"injected by a selector":                    {recorded(record), "selected", ""},
		"not injected, as no selector matched":      {pod(), "selected", ""},
		"injected, and lost its volume":             {injected(pod(asks)), "enabled", lost},
		"injected, and kept only another volume":    {injected(pod(asks), "data"), "enabled", lost},
		"injected, and has an empty volume instead": {emptied, "enabled", lost},
		"without a record":                          {pod(asks), "enabled", unseen},
		"without a record, for a cluster profile":   {pod("lighterman.dev/cluster-profile=pg"), "selected", unseen},
		"a record and no profile":                   {recorded(record), "enabled", notSent},
		"a record where nobody opted in":            {injected(pod(asks), injector.VolumeName), "plain", notSent},
		"a record where the label is misspelt":      {recorded(record, asks), "misspelt", notSent},
		"a record, and opts out":                    {recorded(record, asks, "lighterman.dev/inject=false"), "enabled", notSent},
	}
	for name, forged := range map[string]string{
		"empty": "", "an empty object": "{}", "no JSON": "yes",
		"a space":                 `{"profile":"p/pg","kind":"CredentialProfile","version":"v1","volume" :true}`,
		"a space at the end":      record + " ",
		"a line":                  record + "\n",
		"two":                     record + record,
		"an escape":               `{"profile":"p/pg","kind":"CredentialProfile","version":"v1","\u0076olume":true}`,
		"another order":           `{"kind":"CredentialProfile","profile":"p/pg","version":"v1"}`,
		"a field more":            `{"profile":"p/pg","kind":"CredentialProfile","version":"v1","volume":true,"volume":false}`,
		"a field of another case": `{"profile":"p/pg","kind":"CredentialProfile","version":"v1","Volume":true}`,
		"another kind":            `{"profile":"p/pg","kind":"Secret","version":"v1"}`,
		"a value in a string":     `{"profile":"p/\"volume\":true","kind":"CredentialProfile","version":"v1"}`,
		"just a volume":           `{"volume" :true}`,
	} {
		tests["a forged record: "+name] = struct {
			in        *corev1.Pod
			namespace string
			want      string
		}{recorded(forged, asks), "enabled", rewritten}
	}
	c.failOpen(t)
	for name, test := range tests {
		err := c.create(t.Context(), test.namespace, test.in)
		if (err != nil) != (test.want != "") || err != nil && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
	for _, record := range programRecords(t) {
		in := injected(pod(asks), injector.VolumeName)
		in.Annotations[injector.AnnotationInjected] = record
		always := corev1.ContainerRestartPolicyAlways
		in.Spec.InitContainers = []corev1.Container{{Name: "lighterman-uploader", Image: "u:1", RestartPolicy: &always}}
		if err := c.create(t.Context(), "enabled", in); err != nil {
			t.Errorf("%s: %v", record, err)
		}
	}
	c.warnings.Take() // Of the pods in namespaces that are not opted in.
}

// programRecords returns records as the program writes them: with each field set alone, with all, and with none.
func programRecords(t *testing.T) []string {
	t.Helper()
	none := injector.Record{Profile: "payments/pg", Kind: "CredentialProfile", Version: "v0.1.0-3-gabc+dirty"}
	all := none
	records := []injector.Record{none, {Profile: "pg", Kind: "ClusterCredentialProfile", Version: "dev"}}
	for i := range reflect.TypeFor[injector.Record]().NumField() {
		if !reflect.ValueOf(none).Field(i).IsZero() {
			continue
		}
		alone := none
		for _, r := range []*injector.Record{&alone, &all} {
			switch field := reflect.ValueOf(r).Elem().Field(i); field.Kind() { //nolint:exhaustive // The default fails.
			case reflect.Bool:
				field.SetBool(true)
			case reflect.Int64:
				field.SetInt(12)
			case reflect.String:
				field.SetString("0f1c-6")
			default:
				t.Fatalf("injector.Record has a field of kind %s: does the policy take it?", field.Kind())
			}
		}
		records = append(records, alone)
	}
	var texts []string
	for _, r := range append(records, all) {
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

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
