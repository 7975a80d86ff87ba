package node

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/e2e/harness/cgroup"
)

func TestSaveAndLoad(t *testing.T) {
	want := Config{
		Dir: t.TempDir(), Group: "lighterman", Cgroups: cgroup.Hierarchy{Root: cgroup.Root, Unified: true},
		Tools: Tools{Kubernetes: "/k", Etcd: "/e", Containerd: "/c", Runc: "/r", CNI: "/n", CoreDNS: "/d", Nft: "/f"},
	}
	if err := want.Save(); err != nil {
		t.Fatal(err)
	}
	got, err := Load(want.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestBinFindsEveryComponent(t *testing.T) {
	tools := Tools{Kubernetes: "/k", Etcd: "/e", Containerd: "/c", Runc: "/r", CNI: "/n", CoreDNS: "/d", Nft: "/f"}
	want := map[string]string{
		"etcd": "/e", "containerd": "/c", "coredns": "/d", "kube-apiserver": "/k", "kube-controller-manager": "/k",
		"kube-scheduler": "/k", "kubelet": "/k", "kube-proxy": "/k",
	}
	got := map[string]string{}
	c := Config{Dir: "/cluster"}
	for _, x := range append(c.early(), c.late()...) {
		got[x.program] = filepath.Dir(tools.Bin(x.program))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
