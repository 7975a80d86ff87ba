package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
)

// caKey is the Secret's key that holds the CA once more, as cert-manager's library writes it.
const caKey = "ca.crt"

// caSecret reads the CA from the Secret that cert-manager's library writes, and brings a deleted Secret back.
type caSecret struct {
	namespace, name string

	client  kubernetes.Interface
	factory informers.SharedInformerFactory
	watch   *watch[corev1.Secret]
	backoff backoff
}

func newCASecret(client kubernetes.Interface, o Options, changed func()) (*caSecret, error) {
	s := &caSecret{namespace: o.Namespace, name: o.SecretName, client: client}
	s.factory = newFactory(client, o.Namespace, o.SecretName)
	informer := s.factory.Core().V1().Secrets().Informer()
	if err := informer.SetTransform(publicPart); err != nil {
		return nil, fmt.Errorf("watch CA secret: %w", err)
	}
	what := fmt.Sprintf("Secret %s/%s", o.Namespace, o.SecretName)
	var err error
	s.watch, err = newWatch(what, informer, func(*corev1.Secret) { changed() })
	return s, err
}

// publicPart leaves the private key out of our memory; the library needs it, we do not.
func publicPart(o any) (any, error) {
	s, ok := o.(*corev1.Secret)
	if !ok {
		return o, nil
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name, UID: s.UID, ResourceVersion: s.ResourceVersion},
		Data:       map[string][]byte{caKey: s.Data[caKey], corev1.TLSCertKey: s.Data[corev1.TLSCertKey]},
	}, nil
}

// ca returns the CA that signs now.
func (s *caSecret) ca(now time.Time) (*x509.Certificate, error) {
	secret, err := s.watch.get()
	if err != nil {
		return nil, err
	}
	ca, err := caOf(secret.Data, now)
	if err != nil {
		return nil, fmt.Errorf("%s %w", s.watch.what, err)
	}
	return ca, nil
}

// caOf returns the CA in the data of a Secret. The library replaces a CA that it finds unusable; one that it takes
// but that is not ours is an error, see isOurCA.
func caOf(data map[string][]byte, now time.Time) (*x509.Certificate, error) {
	if len(data[caKey]) == 0 || !bytes.Equal(data[caKey], data[corev1.TLSCertKey]) {
		return nil, waiting("holds no CA yet")
	}
	certs := parseBundle(data[caKey])
	switch {
	case len(certs) == 0:
		return nil, waiting("holds no CA yet")
	case !isOurCA(certs[0]):
		return nil, fmt.Errorf("holds a certificate of %q that this program did not make: remove the Secret's data, "+
			"and a CA is made, or use --certs=files to bring a certificate of your own", certs[0].Subject.CommonName)
	case now.After(certs[0].NotAfter):
		return nil, fmt.Errorf("holds a CA that expired at %s", certs[0].NotAfter.Format(time.RFC3339))
	}
	return certs[0], nil
}

// restore makes an empty Secret when there is none; the library fills it. It applies, because RBAC can then allow the
// creation of this one name; a POST cannot be limited to a name.
func (s *caSecret) restore(ctx context.Context, now time.Time) error {
	if !s.watch.absent() {
		return nil
	}
	if !s.backoff.allows(now) {
		return s.backoff.failed
	}
	_, err := s.client.CoreV1().Secrets(s.namespace).Apply(ctx,
		applycorev1.Secret(s.name, s.namespace), metav1.ApplyOptions{FieldManager: fieldManager})
	if apierrors.IsForbidden(err) {
		err = fmt.Errorf("%w; install the release again, or run: kubectl -n %s create secret generic %s",
			err, s.namespace, s.name)
	}
	if err != nil {
		err = fmt.Errorf("restore CA secret: %w", err)
	}
	return s.backoff.done(now, err)
}
