package cluster

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"strings"

	"lighterman.dev/lighterman/e2e/harness/node"
	"lighterman.dev/lighterman/e2e/harness/pki"
)

// credentials writes what the components authenticate with: certificates under one throw-away CA, the key for service accounts,
// and a token for each user with its kubeconfig. server is the API server's URL on the machine.
func (c *Cluster) credentials(server string) error {
	if err := os.MkdirAll(c.path("pki"), 0o700); err != nil {
		return fmt.Errorf("create credentials: %w", err)
	}
	ca, err := pki.NewCA("lighterman test cluster " + c.Name)
	if err != nil {
		return err
	}
	serving, err := ca.Issue(pki.Leaf{
		CommonName: "kube-apiserver",
		DNSNames:   []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		IPs:        []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(node.Address), net.ParseIP(node.ServiceIP), net.ParseIP(node.IssuerIP)},
	})
	if err != nil {
		return err
	}
	client, err := ca.Issue(pki.Leaf{CommonName: "kube-apiserver-kubelet-client", Organizations: []string{"system:masters"}})
	if err != nil {
		return err
	}
	proxy, err := ca.Issue(pki.Leaf{CommonName: "front-proxy-client"})
	if err != nil {
		return err
	}
	signing, verifying, err := serviceAccountKey()
	if err != nil {
		return err
	}
	tokens, err := c.users(server, ca.CertPEM())
	if err != nil {
		return err
	}
	caKey, err := ca.KeyPEM()
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"ca.crt": ca.CertPEM(), "ca.key": caKey,
		"apiserver.crt": serving.CertPEM, "apiserver.key": serving.KeyPEM,
		"kubelet-client.crt": client.CertPEM, "kubelet-client.key": client.KeyPEM,
		"front-proxy-client.crt": proxy.CertPEM, "front-proxy-client.key": proxy.KeyPEM,
		"sa.key": signing, "sa.pub": verifying,
		"tokens.csv": tokens,
	} {
		if err := os.WriteFile(c.path("pki", name), data, 0o600); err != nil {
			return fmt.Errorf("create credentials: %w", err)
		}
	}
	return nil
}

// users writes a kubeconfig for each and returns the API server's token file. Inside the node they use its own address, as the
// machine's loopback is not theirs.
func (c *Cluster) users(server string, ca []byte) ([]byte, error) {
	inside := "https://" + node.APIServer
	var tokens strings.Builder
	for _, u := range []struct{ file, user, groups, server string }{
		{"kubeconfig", "admin", "system:masters", server},
		{"pki/admin.kubeconfig", "admin", "system:masters", inside},
		{"pki/controller-manager.kubeconfig", "system:kube-controller-manager", "", inside},
		{"pki/scheduler.kubeconfig", "system:kube-scheduler", "", inside},
		{"pki/kubelet.kubeconfig", "system:node:" + node.Name, "system:nodes", inside},
		{"pki/proxy.kubeconfig", "system:kube-proxy", "", inside},
	} {
		secret := make([]byte, 16)
		if _, err := rand.Read(secret); err != nil {
			return nil, fmt.Errorf("create token: %w", err)
		}
		token := hex.EncodeToString(secret)
		fmt.Fprintf(&tokens, "%s,%s,%s,%q\n", token, u.user, u.user, u.groups)
		if err := c.render("kubeconfig", u.file, 0o600, kubeconfig{Name: c.contextName(), Server: u.server, CA: ca64(ca), User: u.user, Token: token}); err != nil {
			return nil, err
		}
	}
	return []byte(tokens.String()), nil
}

// serviceAccountKey is RSA because web identity services verify RS256 most widely.
func serviceAccountKey() (private, public []byte, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, fmt.Errorf("create service account key: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, nil, fmt.Errorf("create service account key: %w", err)
	}
	private = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	public = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return private, public, nil
}
