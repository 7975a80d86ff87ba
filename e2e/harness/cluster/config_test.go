package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/e2e/harness/cgroup"
	"lighterman.dev/lighterman/e2e/harness/node"
)

func TestNew(t *testing.T) {
	t.Setenv("LIGHTERMAN_CACHE", "/cache")
	c, err := New("two")
	if err != nil {
		t.Fatal(err)
	}
	if c.Dir != "/cache/clusters/two" || c.group() != "lighterman-two" {
		t.Errorf("directory %s, group %s", c.Dir, c.group())
	}
	for _, name := range []string{"", "Upper", "../etc", "a/b", "-a", strings.Repeat("a", 41)} {
		if _, err := New(name); err == nil {
			t.Errorf("name %q is accepted", name)
		}
	}
}

func TestConfigure(t *testing.T) {
	tests := map[string]struct {
		groups   cgroup.Hierarchy
		wantRoot string
	}{
		"version 1 keeps to the cluster's directory":      {cgroup.Hierarchy{Root: cgroup.Root}, "/lighterman-test"},
		"version 2 has a namespace, so a root of its own": {cgroup.Hierarchy{Root: cgroup.Root, Unified: true}, "/"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := &Cluster{Name: "test", Dir: t.TempDir()}
			config := node.Config{Dir: c.Dir, Group: c.group(), Cgroups: test.groups, Tools: node.Tools{CNI: "/cni", Runc: "/runc"}}
			if err := c.configure(config); err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(c.path("etc", "kubelet.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var kubelet struct {
				CgroupRoot   string `json:"cgroupRoot"`
				CgroupDriver string `json:"cgroupDriver"`
			}
			if err := yaml.UnmarshalStrict(data, &map[string]any{}); err != nil {
				t.Error(err)
			}
			if err := yaml.Unmarshal(data, &kubelet); err != nil {
				t.Fatal(err)
			}
			if kubelet.CgroupRoot != test.wantRoot || kubelet.CgroupDriver != "cgroupfs" {
				t.Errorf("kubelet has %+v", kubelet)
			}
		})
	}
}

func TestCredentials(t *testing.T) {
	c := &Cluster{Name: "test", Dir: t.TempDir()}
	if err := c.credentials("https://127.0.0.1:4321"); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(c.path("pki", "apiserver.crt"), c.path("pki", "apiserver.key"))
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	if config.Host != "https://127.0.0.1:4321" || config.BearerToken == "" {
		t.Errorf("kubeconfig leads to %s", config.Host)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(config.CAData)
	for _, name := range []string{"127.0.0.1", "localhost", node.Address, node.ServiceIP, node.IssuerIP, "kubernetes.default.svc"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, secret := range []string{"kubeconfig", "pki/tokens.csv", "pki/ca.key"} {
		info, err := os.Stat(c.path(secret))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", secret, info.Mode())
		}
	}
}
