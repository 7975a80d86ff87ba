package certs

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCAOf(t *testing.T) {
	now := noon()
	ours := newTestCA(t, caCommonName, now.Add(-time.Hour), now.Add(time.Hour))
	foreign := newTestCA(t, "somebody-else", now.Add(-time.Hour), now.Add(time.Hour))
	tests := map[string]struct {
		ca, crt string
		at      time.Time
		wantErr string
	}{
		"ours":      {ours.pem(), ours.pem(), now, ""},
		"empty":     {"", "", now, "holds no CA yet"},
		"half":      {ours.pem(), "", now, "holds no CA yet"},
		"different": {ours.pem(), foreign.pem(), now, "holds no CA yet"},
		"garbage":   {"x", "x", now, "holds no CA yet"},
		"foreign": {foreign.pem(), foreign.pem(), now, `holds a certificate of "somebody-else" that this program did not make: ` +
			"remove the Secret's data, and a CA is made, or use --certs=files to bring a certificate of your own"},
		"expired": {ours.pem(), ours.pem(), now.Add(2 * time.Hour), "holds a CA that expired at 2030-06-01T13:00:00Z"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ca, err := parseCA(map[string][]byte{caKey: []byte(test.ca), corev1.TLSCertKey: []byte(test.crt)}, test.at)
			got := ""
			if err != nil {
				got = err.Error()
			} else if !ca.Equal(ours.Certificate) {
				t.Error("another certificate is returned")
			}
			if diff := cmp.Diff(test.wantErr, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPublicPart(t *testing.T) {
	got, err := publicPart(&corev1.Secret{Data: map[string][]byte{
		caKey: []byte("ca"), corev1.TLSCertKey: []byte("ca"), corev1.TLSPrivateKeyKey: []byte("key"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := &corev1.Secret{Data: map[string][]byte{caKey: []byte("ca"), corev1.TLSCertKey: []byte("ca")}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("secret (-want +got):\n%s", diff)
	}
}

// setSecret replaces the data of the CA Secret.
func (r *release) setSecret(t *testing.T, data map[string][]byte) {
	t.Helper()
	secrets := r.admin.CoreV1().Secrets(r.name)
	eventually(t, 10*time.Second, func() error {
		secret, err := secrets.Get(t.Context(), r.secret, metav1.GetOptions{})
		if err != nil {
			return err
		}
		secret.Data = data
		_, err = secrets.Update(t.Context(), secret, metav1.UpdateOptions{})
		return err
	})
}

func (c cluster) foreignCA(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "foreign-ca")
	foreign := newTestCA(t, "somebody-else", time.Now().Add(-time.Hour), time.Now().Add(100*time.Hour))
	certPEM, keyPEM := pairPEM(t, foreign.self())
	r.setSecret(t, map[string][]byte{caKey: certPEM, corev1.TLSCertKey: certPEM, corev1.TLSPrivateKeyKey: keyPEM})
	rep := r.newFirst(t, r.options())
	r.configure(t, rep.address)
	rep.notReady(t, `holds a certificate of "somebody-else"`)
	r.setSecret(t, nil)
	rep.ready(t)
}

func (c cluster) forbidden(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "forbidden")
	roles := r.admin.RbacV1().Roles(r.name)
	role, err := roles.Get(t.Context(), r.name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	rules := role.Rules
	role.Rules = nil
	if role, err = roles.Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	r.awaitForbidden(t)
	rep := r.newFirst(t, r.options())
	r.configure(t, rep.address)
	rep.notReady(t, `cannot list resource "secrets"`)
	role.Rules = rules
	if _, err := roles.Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	// Informers wait ever longer between attempts.
	eventually(t, time.Minute, rep.readiness)
}

func (c cluster) deletedSecret(t *testing.T) {
	t.Parallel()
	r := newRelease(t, c.cfg, "deleted-secret")
	rep := r.newFirst(t, r.options())
	r.configure(t, rep.address)
	rep.ready(t)
	before, err := rep.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	secrets := r.admin.CoreV1().Secrets(r.name)
	if err := secrets.Delete(t.Context(), r.secret, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, func() error {
		if len(rep.log.with("kubectl -n deleted-secret create secret generic lighterman-ca")) == 0 {
			return errors.New("the log does not say how to bring the Secret back")
		}
		return nil
	})
	if err := errors.Join(rep.readiness(), r.admit(t.Context())); err != nil {
		t.Errorf("what is served suffers from a deleted Secret: %v", err)
	}

	// With the rights to create and patch this one name, it comes back by itself.
	roles := r.admin.RbacV1().Roles(r.name)
	role, err := roles.Get(t.Context(), r.name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	role.Rules[0].Verbs = append(role.Rules[0].Verbs, "create", "patch")
	if _, err := roles.Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, 40*time.Second, func() error {
		after, err := rep.GetCertificate(nil)
		if err == nil && after == before {
			err = errors.New("no certificate of a new CA is served")
		}
		return err
	})
	if err := errors.Join(rep.readiness(), r.admit(t.Context())); err != nil {
		t.Error(err)
	}
	if got := len(parseBundle(r.config(t).Webhooks[0].ClientConfig.CABundle)); got != 2 {
		t.Errorf("caBundle holds %d CAs, want the old and the new one", got)
	}
}
