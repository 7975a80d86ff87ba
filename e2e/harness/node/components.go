package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// component is a program with its arguments. The log and the name in messages are the program's.
type component struct {
	program string
	args    []string
}

// early are the components that need no other.
func (c Config) early() []component {
	pki := func(name string) string { return c.Path("pki", name) }
	return []component{
		{"etcd", []string{
			"--data-dir=" + c.Path("etcd"),
			"--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
			"--listen-peer-urls=http://127.0.0.1:2380",
			"--unsafe-no-fsync", // a cluster that outlives no crash needs no durable log
			"--log-level=warn",
		}},
		{"kube-apiserver", []string{
			"--etcd-servers=http://127.0.0.1:2379",
			"--bind-address=0.0.0.0", "--advertise-address=" + Address, "--secure-port=6443",
			"--tls-cert-file=" + pki("apiserver.crt"), "--tls-private-key-file=" + pki("apiserver.key"),
			"--client-ca-file=" + pki("ca.crt"), "--token-auth-file=" + pki("tokens.csv"),
			"--authorization-mode=Node,RBAC",
			"--service-account-issuer=" + Issuer, "--service-account-jwks-uri=" + Issuer + "/openid/v1/jwks",
			"--service-account-key-file=" + pki("sa.pub"), "--service-account-signing-key-file=" + pki("sa.key"),
			"--service-cluster-ip-range=" + serviceRange,
			// Webhooks are reached by pod address: nothing in the way but the pod itself.
			"--enable-aggregator-routing=true",
			"--allow-privileged=true",
			"--kubelet-preferred-address-types=InternalIP",
			"--kubelet-client-certificate=" + pki("kubelet-client.crt"), "--kubelet-client-key=" + pki("kubelet-client.key"),
			// Without these the controller manager and the scheduler look for the proxy's authority in vain, for ever.
			"--requestheader-client-ca-file=" + pki("ca.crt"), "--requestheader-allowed-names=front-proxy-client",
			"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
			"--requestheader-extra-headers-prefix=X-Remote-Extra-",
			"--proxy-client-cert-file=" + pki("front-proxy-client.crt"), "--proxy-client-key-file=" + pki("front-proxy-client.key"),
			"--cert-dir=" + c.Path("apiserver"), "--profiling=false",
		}},
		{"containerd", []string{"--config=" + c.Path("etc", "containerd.toml")}},
		{"coredns", []string{"-conf=" + c.Path("etc", "Corefile")}},
	}
}

// late are the components that need the API server's bootstrap roles: without them the controller-manager exits.
func (c Config) late() []component {
	kubeconfig := func(name string) string { return c.Path("pki", name+".kubeconfig") }
	delegated := func(name string) []string {
		return []string{
			"--kubeconfig=" + kubeconfig(name), "--authentication-kubeconfig=" + kubeconfig(name),
			"--authorization-kubeconfig=" + kubeconfig(name), "--bind-address=127.0.0.1", "--leader-elect=false",
		}
	}
	return []component{
		{"kube-controller-manager", append(delegated("controller-manager"),
			"--service-account-private-key-file="+c.Path("pki", "sa.key"), "--root-ca-file="+c.Path("pki", "ca.crt"),
			"--cluster-signing-cert-file="+c.Path("pki", "ca.crt"), "--cluster-signing-key-file="+c.Path("pki", "ca.key"),
			// The default of 20 requests a second makes the start five seconds longer.
			"--kube-api-qps=200", "--kube-api-burst=400",
			"--use-service-account-credentials=true", "--cert-dir="+c.Path("controller-manager"))},
		{"kube-scheduler", delegated("scheduler")},
		{"kubelet", []string{
			"--config=" + c.Path("etc", "kubelet.yaml"), "--kubeconfig=" + kubeconfig("kubelet"),
			"--root-dir=" + c.Path("kubelet"), "--cert-dir=" + c.Path("kubelet", "pki"),
			"--hostname-override=" + Name, "--node-ip=" + Address,
		}},
		{"kube-proxy", []string{"--config=" + c.Path("etc", "kube-proxy.yaml"), "--hostname-override=" + Name}},
	}
}

// waitReady polls the API server until it is ready.
func (c Config) waitReady(ctx context.Context) error {
	ca, err := os.ReadFile(c.Path("pki", "ca.crt"))
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return errors.New("read cluster CA: no certificate")
	}
	client := &http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}},
	}
	for {
		if ready(ctx, client) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func ready(ctx context.Context, client *http.Client) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+APIServer+"/readyz", http.NoBody)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}
