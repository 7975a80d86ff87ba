package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"lighterman.dev/lighterman/e2e/pki"
)

const (
	secretName    = "store"
	caKey         = "ca.crt"
	rootIDKey     = "root-id"
	rootSecretKey = "root-secret"
)

// ensureSecret returns the store's certificate and root key, which are made once.
func ensureSecret(ctx context.Context, kube kubernetes.Interface) (*corev1.Secret, error) {
	secrets := kube.CoreV1().Secrets(Namespace)
	secret, err := secrets.Get(ctx, secretName, metav1.GetOptions{})
	if err == nil || !apierrors.IsNotFound(err) {
		return secret, err
	}
	data, err := newSecretData()
	if err != nil {
		return nil, err
	}
	secret, err = secrets.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: secretName, Namespace: Namespace},
		Data:       data,
	}, metav1.CreateOptions{FieldManager: fieldManager})
	if apierrors.IsAlreadyExists(err) { // another test process was faster
		return secrets.Get(ctx, secretName, metav1.GetOptions{})
	}
	return secret, err
}

func newSecretData() (map[string][]byte, error) {
	ca, err := pki.NewCA("object store test CA")
	if err != nil {
		return nil, err
	}
	// Loopback is for port-forwards.
	pair, err := ca.Issue(pki.Leaf{
		CommonName: host,
		DNSNames:   []string{host, host + ".cluster.local", Service + "." + Namespace, "localhost"},
		IPs:        []net.IP{net.IPv4(127, 0, 0, 1)},
	})
	if err != nil {
		return nil, err
	}
	id, secret := rand.Text(), rand.Text()
	return map[string][]byte{
		caKey:                   ca.CertPEM(),
		corev1.TLSCertKey:       pair.CertPEM,
		corev1.TLSPrivateKeyKey: pair.KeyPEM,
		rootIDKey:               []byte(fmt.Sprintf("ROOT%.16s", id)),
		rootSecretKey:           []byte(secret),
	}, nil
}
