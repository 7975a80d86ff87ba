package certs

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"lighterman.dev/lighterman/internal/test/apiserver"
)

// cluster is where the subtests of TestEmbedded run.
type cluster struct {
	cfg *rest.Config
}

// TestIssuer runs Issuers and Sources against a real API server.
func TestIssuer(t *testing.T) {
	c := cluster{cfg: apiserver.Start(t)}
	t.Run("first-start", c.firstStart)
	t.Run("missing-config", c.missingConfiguration)
	t.Run("hand-edit", c.handEdit)
	t.Run("cainjector", c.caInjector)
	t.Run("foreign-ca", c.foreignCA)
	t.Run("forbidden", c.forbidden)
	t.Run("deleted-secret", c.deletedSecret)
	t.Run("fight", c.fight)
	t.Run("lost-path", c.lostPath)
	t.Run("unseen-path", c.unseenPath)
	t.Run("emptied-serving-secret", c.emptiedServing)
	t.Run("outage", c.outage)
	t.Run("service-path", c.servicePath)
	t.Run("issuer-away", c.issuerAway)
	t.Run("rotation", c.rotation)
	t.Run("rotation-by-age", c.rotationByAge)
}

func (c cluster) firstStart(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "first-start")
	begin := time.Now()
	a := r.newFirst(t, r.options())
	b := r.newReplica(t)
	r.configure(t, a.address, b.address)
	if _, err := a.GetCertificate(nil); err == nil {
		t.Error("a certificate is served before anything can trust it")
	}
	a.ready(t)
	t.Logf("from the empty Secret to ready: %s, of which %s settle", time.Since(begin).Round(time.Millisecond), testSettle)
	b.ready(t)
	config := r.config(t)
	bundle := config.Webhooks[0].ClientConfig.CABundle
	if got := len(parseBundle(bundle)); got != 1 {
		t.Errorf("caBundle holds %d CAs, want 1", got)
	}
	for _, rep := range []*replica{a, b} {
		if _, err := dial(t.Context(), rep.address, bundle); err != nil {
			t.Error(err)
		}
		if lines := rep.log.with("error"); len(lines) > 0 {
			t.Errorf("an ordinary start logs errors: %v", lines)
		}
	}
	if err := r.admit(t.Context()); err != nil {
		t.Error(err)
	}

	time.Sleep(time.Until(lastWrite(config).Add(time.Second + testSettle)))
	begin = time.Now()
	late := r.newReplica(t)
	late.ready(t)
	took := time.Since(begin)
	t.Logf("a replica that comes later is ready after %s", took.Round(time.Millisecond))
	if took > testSettle {
		t.Error("a replica waits for a caBundle that has settled long ago")
	}

	// The library looks at its Secret every ten seconds.
	secret, err := r.admin.CoreV1().Secrets(r.name).Get(t.Context(), r.secret, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(12 * time.Second)
	after, err := r.admin.CoreV1().Secrets(r.name).Get(t.Context(), r.secret, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if before, after := config.ResourceVersion, r.config(t).ResourceVersion; before != after {
		t.Errorf("an idle program wrote the webhook configuration: resourceVersion %s became %s", before, after)
	}
	if secret.ResourceVersion != after.ResourceVersion {
		t.Errorf("an idle program wrote the Secret: resourceVersion %s became %s", secret.ResourceVersion, after.ResourceVersion)
	}
}

func (c cluster) missingConfiguration(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "missing-config")
	rep := r.newFirst(t, r.options())
	rep.notReady(t, "MutatingWebhookConfiguration missing-config does not exist")
	r.configure(t, rep.address)
	rep.ready(t)
	if err := r.admit(t.Context()); err != nil {
		t.Error(err)
	}

	configs := r.admin.AdmissionregistrationV1().MutatingWebhookConfigurations()
	config := r.config(t)
	if err := configs.Delete(t.Context(), r.name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	rep.notReady(t, "does not exist")
	config.ObjectMeta = metav1.ObjectMeta{Name: r.name}
	config.Webhooks[0].ClientConfig.CABundle = nil
	if _, err := configs.Create(t.Context(), config, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	rep.ready(t)
}

func (c cluster) handEdit(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "hand-edit")
	rep := r.newFirst(t, r.options())
	r.configure(t, rep.address, rep.address)
	rep.ready(t)
	config := r.config(t)
	want := config.Webhooks[0].ClientConfig.CABundle
	foreign := newTestCA(t, "somebody-else", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))

	edits := map[string][]byte{
		"emptied":           nil,
		"a foreign CA":      []byte(foreign.pem()),
		"a foreign CA more": append(slices.Clone(want), foreign.pem()...),
		"a comment":         append([]byte("# mine\n"), want...),
	}
	for name, bundle := range edits {
		r.edit(t, func(o *admissionregistrationv1.MutatingWebhookConfiguration) {
			o.Webhooks[1].ClientConfig.CABundle = bundle
		})
		begin := time.Now()
		eventually(t, 10*time.Second, func() error {
			for _, w := range r.config(t).Webhooks {
				if !bytes.Equal(w.ClientConfig.CABundle, want) {
					return fmt.Errorf("%s: caBundle of %s is %q", name, w.Name, w.ClientConfig.CABundle)
				}
			}
			return nil
		})
		t.Logf("%s: healed after %s", name, time.Since(begin).Round(time.Millisecond))
		rep.ready(t)
	}
	after := r.config(t)
	for _, o := range []*admissionregistrationv1.MutatingWebhookConfiguration{config, after} {
		o.ResourceVersion, o.ManagedFields, o.Generation = "", nil, 0
	}
	if diff := cmp.Diff(config, after); diff != "" {
		t.Errorf("more than caBundle changed (-want +got):\n%s", diff)
	}
	// Nobody is known to have emptied it.
	if got := rep.log.with("kubectl-edit"); len(got) != len(edits)-1 {
		t.Errorf("the log names who set caBundle %d times, want %d", len(got), len(edits)-1)
	}
}

func (c cluster) caInjector(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "cainjector")
	rep := r.newFirst(t, r.options())
	rep.notReady(t, "does not exist")
	r.configure(t, rep.address)
	rep.ready(t)
	r.edit(t, func(o *admissionregistrationv1.MutatingWebhookConfiguration) {
		o.Annotations = map[string]string{"cert-manager.io/inject-ca-from": "x/y"}
		o.Webhooks[0].ClientConfig.CABundle = nil
	})
	rep.notReady(t, "carries the annotation cert-manager.io/inject-ca-from")
	if lines := rep.log.with("carries the annotation"); len(lines) != 1 {
		t.Errorf("the log says so %d times, want once: %v", len(lines), lines)
	}
	r.edit(t, func(o *admissionregistrationv1.MutatingWebhookConfiguration) { o.Annotations = nil })
	rep.ready(t)
}

func (c cluster) fight(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "fight")
	rep := r.newFirst(t, r.options())
	r.configure(t, rep.address)
	rep.ready(t)
	foreign := newTestCA(t, "somebody-else", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	const want = `something else keeps changing caBundle or the path of MutatingWebhookConfiguration fight (field managers [\"kubectl-edit\"])`
	begin := time.Now()
	eventually(t, 30*time.Second, func() error {
		r.edit(t, func(o *admissionregistrationv1.MutatingWebhookConfiguration) {
			o.Webhooks[0].ClientConfig.CABundle = []byte(foreign.pem())
		})
		if len(rep.log.with(want)) == 0 {
			return errors.New("the log does not name the opponent")
		}
		return nil
	})
	rep.notReady(t, "something else keeps changing caBundle or the path")
	if limit := uint64(12 + time.Since(begin)/(10*time.Second)); rep.issuer.config.writes.Load() > limit {
		t.Errorf("%d writes in %s, want at most %d", rep.issuer.config.writes.Load(), time.Since(begin), limit)
	}
	rep.ready(t)
}
