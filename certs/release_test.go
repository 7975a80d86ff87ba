package certs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// testPrefix is the webhook's path before the token.
const testPrefix = "/mutate/"

// release is what the chart makes: a namespace, the two empty Secrets, and two users whose roles allow what the Issuer and
// the replicas need and no more. The webhook configuration is left to the test.
type release struct {
	name    string // of the namespace, the configuration and the Issuer's user
	admin   kubernetes.Interface
	cfg     *rest.Config // as the Issuer
	serving *rest.Config // as a replica
	secret  string       // of the CA
}

// servingSecret is the Secret that replicas read.
const servingSecret = "lighterman-serving"

func newRelease(t *testing.T, cfg *rest.Config, name string, secretVerbs ...string) *release {
	t.Helper()
	r := &release{
		name: name, secret: "lighterman-ca", admin: kubernetes.NewForConfigOrDie(cfg), cfg: rest.CopyConfig(cfg), serving: rest.CopyConfig(cfg),
	}
	r.cfg.Impersonate.UserName, r.serving.Impersonate.UserName = name, name+"-replica"
	ctx := t.Context()
	meta := metav1.ObjectMeta{Name: name}
	_, err := r.admin.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: meta}, metav1.CreateOptions{})
	errs := []error{err}
	for _, secret := range []string{r.secret, servingSecret} {
		_, err := r.admin.CoreV1().Secrets(name).Create(ctx,
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: secret}}, metav1.CreateOptions{})
		errs = append(errs, err)
	}
	r.allow(t, name, []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{r.secret, servingSecret},
		Verbs: append([]string{"get", "list", "watch", "update"}, secretVerbs...),
	}})
	r.allow(t, name+"-replica", []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{servingSecret}, Verbs: []string{"get", "list", "watch"},
	}})
	_, err = r.admin.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"admissionregistration.k8s.io"}, Resources: []string{"mutatingwebhookconfigurations"},
		ResourceNames: []string{name}, Verbs: []string{"get", "list", "watch", "patch"},
	}}}, metav1.CreateOptions{})
	errs = append(errs, err)
	_, err = r.admin.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: meta, Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
	}, metav1.CreateOptions{})
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	return r
}

// allow gives a user of the namespace these rights in it.
func (r *release) allow(t *testing.T, user string, rules []rbacv1.PolicyRule) {
	t.Helper()
	meta := metav1.ObjectMeta{Name: user}
	_, err1 := r.admin.RbacV1().Roles(r.name).Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: rules}, metav1.CreateOptions{})
	_, err2 := r.admin.RbacV1().RoleBindings(r.name).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta, Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
	}, metav1.CreateOptions{})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
}

// awaitForbidden waits until the API server refuses the Issuer's list: its authorizer learns of a changed role from a watch.
func (r *release) awaitForbidden(t *testing.T) {
	t.Helper()
	issuer := kubernetes.NewForConfigOrDie(r.cfg).CoreV1().Secrets(r.name)
	eventually(t, 10*time.Second, func() error {
		_, err := issuer.List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + r.secret})
		if !apierrors.IsForbidden(err) {
			return fmt.Errorf("list Secrets: %w, want it to be forbidden", err)
		}
		return nil
	})
}

// options are those of the Issuer. The API server calls localhost.
func (r *release) options() IssuerOptions {
	return IssuerOptions{
		Namespace: r.name, CASecretName: r.secret, SecretName: servingSecret, WebhookConfiguration: r.name,
		DNSNames: []string{"localhost"}, PathPrefix: testPrefix, SettleDelay: testSettle, PathGrace: testSettle,
		pathSpacing: time.Hour,
	}
}

// configure makes the webhook configuration with one webhook for each address.
func (r *release) configure(t *testing.T, addresses ...string) {
	t.Helper()
	config := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: r.name}}
	for i, address := range addresses {
		config.Webhooks = append(config.Webhooks, admissionregistrationv1.MutatingWebhook{
			Name:                    fmt.Sprintf("w%d.lighterman.dev", i),
			ClientConfig:            admissionregistrationv1.WebhookClientConfig{URL: new("https://" + address + "/")},
			SideEffects:             new(admissionregistrationv1.SideEffectClassNone),
			AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: r.name}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
			}},
		})
	}
	configs := r.admin.AdmissionregistrationV1().MutatingWebhookConfigurations()
	if _, err := configs.Create(t.Context(), config, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := configs.Delete(context.Background(), r.name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

func (r *release) config(t *testing.T) *admissionregistrationv1.MutatingWebhookConfiguration {
	t.Helper()
	config, err := r.admin.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(t.Context(), r.name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// edit changes the webhook configuration as a person would.
func (r *release) edit(t *testing.T, change func(*admissionregistrationv1.MutatingWebhookConfiguration)) {
	t.Helper()
	eventually(t, 10*time.Second, func() error {
		config := r.config(t)
		change(config)
		_, err := r.admin.AdmissionregistrationV1().MutatingWebhookConfigurations().
			Update(t.Context(), config, metav1.UpdateOptions{FieldManager: "kubectl-edit"})
		return err
	})
}

// admit creates an object that the API server asks all webhooks about.
func (r *release) admit(ctx context.Context) error {
	_, err := r.admin.CoreV1().ConfigMaps(r.name).Create(ctx,
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "x-"}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	return err
}
