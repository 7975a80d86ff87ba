package certs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// path returns the path in the configuration.
func (r *release) path(t *testing.T) string {
	t.Helper()
	return pathOf(r.config(t).Webhooks[0].ClientConfig)
}

// lostPath changes the path as a person or a tool would.
func (c cluster) lostPath(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "lost-path")
	rep := r.newFirst(t, r.options())
	r.configure(t, rep.address, rep.address)
	rep.ready(t)
	before := r.path(t)
	if !strings.HasPrefix(before, testPrefix) || !rep.Accepts(before) {
		t.Fatalf("the configuration has the path %q, which the replica refuses", before)
	}
	for _, path := range []string{"/mutate/x", testPrefix + newToken(), testPrefix, "/", before + "/", before[:len(before)-1]} {
		if rep.Accepts(path) {
			t.Errorf("path %s is accepted", path)
		}
	}
	r.edit(t, func(o *admissionregistrationv1.MutatingWebhookConfiguration) {
		url := "https://" + rep.address + "/mutate/x"
		o.Webhooks[1].ClientConfig.URL = &url
	})
	eventually(t, 10*time.Second, func() error {
		for _, w := range r.config(t).Webhooks {
			if got := pathOf(w.ClientConfig); got != before {
				return fmt.Errorf("the path is %s, want the one that replicas accept", got)
			}
		}
		return nil
	})
	eventually(t, 10*time.Second, func() error { return errors.Join(rep.readiness(), r.admit(t.Context())) })
	if lines := rep.log.String(); strings.Contains(lines, strings.TrimPrefix(before, testPrefix)) {
		t.Error("the log holds the path, which is a secret")
	}
}

// unseenPath asks a replica whose watch has shown nothing yet.
func (c cluster) unseenPath(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "unseen-path")
	rep := r.newFirst(t, r.options())
	r.configure(t, rep.address)
	rep.ready(t)
	blind, err := New(r.serving, Options{
		Namespace: r.name, SecretName: servingSecret, DNSNames: []string{"localhost"}, PathPrefix: testPrefix,
	}, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	// The first look at the Secret is for a path that there is not; the next comes a second later.
	if blind.Accepts(testPrefix + newToken()) {
		t.Error("a path that there is not is accepted")
	}
	blind.provider.(*published).serving.paths = nil
	begin := time.Now()
	eventually(t, 5*time.Second, func() error {
		if !blind.Accepts(r.path(t)) {
			return errors.New("the replica refuses a path that is published")
		}
		return nil
	})
	if time.Since(begin) < time.Second/2 {
		t.Error("unknown paths have the Secret read more often than once a second")
	}
}

// emptiedServing takes away what the replicas serve with, while they are called.
func (c cluster) emptiedServing(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "emptied-serving", "create", "patch")
	replicas := []*replica{r.newFirst(t, r.options()), r.newReplica(t)}
	r.configure(t, replicas[0].address, replicas[1].address)
	for _, rep := range replicas {
		rep.ready(t)
	}
	time.Sleep(testLag)
	s := r.newStream(t, replicas...)
	secrets := r.admin.CoreV1().Secrets(r.name)
	filled := func() error {
		secret, err := secrets.Get(t.Context(), servingSecret, metav1.GetOptions{})
		if err != nil {
			return err
		}
		current, err := parseServing(secret.Data)
		if err == nil && (current.cert == nil || len(current.paths) != 1) {
			err = fmt.Errorf("the Secret holds the keys %v", secret.Data)
		}
		return err
	}
	for name, data := range map[string]map[string][]byte{
		"emptied": nil,
		"garbage": {corev1.TLSCertKey: []byte("x"), corev1.TLSPrivateKeyKey: []byte("y"), pathsKey: []byte("z")},
	} {
		eventually(t, 10*time.Second, func() error {
			secret, err := secrets.Get(t.Context(), servingSecret, metav1.GetOptions{})
			if err != nil {
				return err
			}
			secret.Data = data
			_, err = secrets.Update(t.Context(), secret, metav1.UpdateOptions{})
			return err
		})
		eventually(t, 30*time.Second, func() error {
			if err := filled(); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
		time.Sleep(2 * testLag)
	}
	if err := secrets.Delete(t.Context(), servingSecret, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, filled)
	time.Sleep(2 * testLag)
	s.check(t, 1, 3)
	for _, rep := range replicas {
		rep.ready(t)
	}
}

// outage has the Deployment of the replicas lose all of them, and get them back.
func (c cluster) outage(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "outage")
	r.allow(t, r.name+"-deployment", nil)
	rule := rbacv1.PolicyRule{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, ResourceNames: []string{"webhook"}, Verbs: []string{"get", "list", "watch"}}
	role, err := r.admin.RbacV1().Roles(r.name).Get(t.Context(), r.name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role.Rules = append(role.Rules, rule)
	if _, err := r.admin.RbacV1().Roles(r.name).Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"app": "webhook"}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "webhook"}}
	deployment.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	deployment.Spec.Template.Labels = labels
	deployment.Spec.Template.Spec.Containers = []corev1.Container{{Name: "webhook", Image: "x"}}
	deployments := r.admin.AppsV1().Deployments(r.name)
	if deployment, err = deployments.Create(t.Context(), deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ready := func(n int32) {
		deployment.Status.Replicas, deployment.Status.ReadyReplicas = 2, n
		if deployment, err = deployments.UpdateStatus(t.Context(), deployment, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	ready(2)
	o := r.options()
	o.Deployment, o.pathSpacing = "webhook", time.Second
	rep := r.newFirst(t, o)
	r.configure(t, rep.address)
	rep.ready(t)
	time.Sleep(2 * time.Second) // What the start asked for is done with.
	var before string
	eventually(t, 20*time.Second, func() error {
		last := before
		before = r.path(t)
		if secret := rep.provider.(*published).pathCreated(); last != before || time.Since(secret) < 2*testSettle {
			return errors.New("the path still changes")
		}
		return nil
	})
	ready(1)
	time.Sleep(2 * testSettle)
	if after := r.path(t); after != before {
		t.Error("the path changed while a replica was ready")
	}
	ready(0)
	time.Sleep(time.Second)
	ready(1)
	eventually(t, 20*time.Second, func() error {
		if r.path(t) == before {
			return errors.New("the path is the one that API servers printed in the outage")
		}
		return nil
	})
	eventually(t, 20*time.Second, func() error {
		if rep.Accepts(before) {
			return errors.New("the former path is still accepted")
		}
		return r.admit(t.Context())
	})
}

// issuerAway ends the Issuer: what it issued is served on, also by a replica that starts afterwards.
func (c cluster) issuerAway(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "issuer-away")
	rep, late := r.newReplica(t), r.newReplica(t)
	r.configure(t, rep.address, late.address)
	issuer, err := NewIssuer(r.cfg, r.options(), logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- issuer.Start(ctx) }()
	eventually(t, 30*time.Second, func() error { return errors.Join(issuer.Ready(nil), rep.Ready(nil), late.Ready(nil)) })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	after := r.newReplica(t)
	after.ready(t)
	if err := errors.Join(rep.Ready(nil), r.admit(t.Context())); err != nil {
		t.Errorf("without the Issuer: %v", err)
	}
	if !after.Accepts(r.path(t)) {
		t.Error("a replica that started without the Issuer refuses the path that is published")
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(after.Source)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, family := range families {
		names = append(names, family.GetName())
	}
	want := []string{"lighterman_serving_certificate_expiry_timestamp_seconds", "lighterman_webhook_path_created_timestamp_seconds"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("metrics by which it shows that no Issuer runs (-want +got):\n%s", diff)
	}
}

// servicePath publishes a path in a configuration that names a Service, as the chart's does: API servers are stricter about
// it than about a URL.
func (c cluster) servicePath(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "service-path")
	rep := r.newFirst(t, r.options())
	r.configure(t, rep.address)
	r.edit(t, func(o *admissionregistrationv1.MutatingWebhookConfiguration) {
		o.Webhooks[0].ClientConfig = admissionregistrationv1.WebhookClientConfig{
			Service: &admissionregistrationv1.ServiceReference{Namespace: r.name, Name: "lighterman"},
		}
	})
	rep.ready(t)
	if path := r.path(t); !strings.HasPrefix(path, testPrefix) || !rep.Accepts(path) {
		t.Errorf("the path is %q", path)
	}
}

func TestWithoutToken(t *testing.T) {
	token := newToken()
	err := withoutToken(errors.New(`clientConfig.service.path: Invalid value: "/x/`+token+`"`), token)
	if strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "Invalid value") {
		t.Errorf("error %v, want all but the path", err)
	}
	other := errors.New("conflict")
	if !errors.Is(withoutToken(other, token), other) || !errors.Is(withoutToken(other, ""), other) {
		t.Error("an error that holds no path is another one")
	}
}
