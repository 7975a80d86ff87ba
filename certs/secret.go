package certs

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// caKey is the Secret's key that holds the CA once more, as cert-manager's library writes it.
const caKey = "ca.crt"

// secret watches one Secret by name, and recreates it when it was deleted.
type secret struct {
	namespace, name string

	client  kubernetes.Interface
	factory informers.SharedInformerFactory
	watch   *watch[corev1.Secret]
	backoff backoff
}

// newSecret watches a Secret. keep reduces what is kept of it in memory; nil keeps all.
func newSecret(
	client kubernetes.Interface, namespace, name string, keep cache.TransformFunc, changed func(*corev1.Secret),
) (*secret, error) {
	s := &secret{namespace: namespace, name: name, client: client}
	s.factory = newFactory(client, namespace, name)
	informer := s.factory.Core().V1().Secrets().Informer()
	if keep != nil {
		if err := informer.SetTransform(keep); err != nil {
			return nil, fmt.Errorf("watch Secret %s/%s: %w", namespace, name, err)
		}
	}
	var err error
	s.watch, err = newWatch(fmt.Sprintf("Secret %s/%s", namespace, name), informer, changed)
	return s, err
}

// publicPart removes the private key from a Secret, so that this process keeps one copy of it: the library's.
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

// signingCA returns the CA of the Secret, which signs at present.
func (s *secret) signingCA(now time.Time) (*x509.Certificate, error) {
	object, err := s.watch.lastSeen()
	if err != nil {
		return nil, err
	}
	ca, err := parseCA(object.Data, now)
	if err != nil {
		return nil, fmt.Errorf("%s %w", s.watch.what, err)
	}
	return ca, nil
}

// parseCA returns the CA in the data of a Secret. The library replaces a CA that it finds unusable; one that it takes
// but that is not ours is an error, see isOurCA.
func parseCA(data map[string][]byte, now time.Time) (*x509.Certificate, error) {
	if len(data[caKey]) == 0 || !bytes.Equal(data[caKey], data[corev1.TLSCertKey]) {
		return nil, waitingError("holds no CA yet")
	}
	certs := parseBundle(data[caKey])
	switch {
	case len(certs) == 0:
		return nil, waitingError("holds no CA yet")
	case !isOurCA(certs[0]):
		return nil, fmt.Errorf("holds a certificate of %q that this program did not make: remove the Secret's data, "+
			"and a CA is made, or use --certs=files to bring a certificate of your own", certs[0].Subject.CommonName)
	case now.After(certs[0].NotAfter):
		return nil, fmt.Errorf("holds a CA that expired at %s", certs[0].NotAfter.Format(time.RFC3339))
	}
	return certs[0], nil
}

// recreate creates an empty Secret when there is none. It applies, because RBAC can then allow the creation of this one
// name; a POST cannot be limited to a name.
func (s *secret) recreate(ctx context.Context, now time.Time) error {
	if !s.watch.isAbsent() {
		return nil
	}
	if !s.backoff.mayTry(now) {
		return s.backoff.failed
	}
	_, err := s.client.CoreV1().Secrets(s.namespace).Apply(ctx,
		applycorev1.Secret(s.name, s.namespace), metav1.ApplyOptions{FieldManager: fieldManager})
	if apierrors.IsForbidden(err) {
		err = fmt.Errorf("%w; install the release again, or run: kubectl -n %s create secret generic %s",
			err, s.namespace, s.name)
	}
	if err != nil {
		err = fmt.Errorf("restore Secret %s/%s: %w", s.namespace, s.name, err)
	}
	return s.backoff.recordAttempt(now, err)
}

// setData replaces keys of the Secret's data. It fails when the Secret is not as it was last seen.
func (s *secret) setData(ctx context.Context, data map[string][]byte) error {
	seen, err := s.watch.lastSeen()
	if err != nil {
		return err
	}
	changed := seen.DeepCopy()
	if changed.Data == nil {
		changed.Data = map[string][]byte{}
	}
	maps.Copy(changed.Data, data)
	_, err = s.client.CoreV1().Secrets(s.namespace).Update(ctx, changed, metav1.UpdateOptions{FieldManager: fieldManager})
	if err != nil {
		return fmt.Errorf("write %s: %w", s.watch.what, err)
	}
	return nil
}
