package tools

import "strings"

// Tool is one module under hack/tools and the programs built from it.
type Tool struct {
	// Name is the module's directory under hack/tools.
	Name string
	// Module is the required module whose version is the tool's version.
	Module string
	// Packages are the main packages to build. "." is the tool module's own.
	Packages []string
	// Tags and LDFlags go to the go command. VERSION, MAJOR and MINOR in LDFlags stand for the module's version.
	Tags    []string
	LDFlags string
	// Static builds without cgo, for programs that run inside an image or without the machine's libraries.
	Static bool
	// Seccomp links libseccomp, which needs cgo and the library's headers.
	Seccomp bool
}

const componentBase = "k8s.io/component-base/version"

// Kubernetes is the control plane, the kubelet, kube-proxy and kubectl.
func Kubernetes() Tool {
	return Tool{
		Name:   "kubernetes",
		Module: "k8s.io/kubernetes",
		Packages: []string{
			"k8s.io/kubernetes/cmd/kube-apiserver",
			"k8s.io/kubernetes/cmd/kube-controller-manager",
			"k8s.io/kubernetes/cmd/kube-scheduler",
			"k8s.io/kubernetes/cmd/kubelet",
			"k8s.io/kubernetes/cmd/kubectl",
			"k8s.io/kubernetes/cmd/kube-proxy",
		},
		// Without these the API server says that it is v0.0.0 and Helm charts with a kubeVersion refuse it.
		LDFlags: "-s -w -X " + componentBase + ".gitVersion=VERSION -X " + componentBase + ".gitMajor=MAJOR -X " +
			componentBase + ".gitMinor=MINOR -X " + componentBase + ".gitTreeState=clean -X " +
			componentBase + ".gitCommit=" + strings.Repeat("0", 40),
	}
}

// Etcd is the API server's database.
func Etcd() Tool {
	return Tool{Name: "etcd", Module: "go.etcd.io/etcd/server/v3", Packages: []string{"go.etcd.io/etcd/server/v3"}, LDFlags: "-s -w"}
}

// Containerd is the container runtime with its shim and ctr.
func Containerd() Tool {
	return Tool{
		Name:   "containerd",
		Module: "github.com/containerd/containerd/v2",
		Packages: []string{
			"github.com/containerd/containerd/v2/cmd/containerd",
			"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
			"github.com/containerd/containerd/v2/cmd/ctr",
		},
		Tags:    []string{"no_btrfs", "no_zfs", "no_devmapper", "no_tracing"},
		LDFlags: "-s -w -X github.com/containerd/containerd/v2/version.Version=VERSION",
	}
}

// Runc starts the containers. RuntimeDefault seccomp profiles need the seccomp build.
func Runc() Tool {
	return Tool{
		Name:     "runc",
		Module:   "github.com/opencontainers/runc",
		Packages: []string{"github.com/opencontainers/runc"},
		Tags:     []string{"seccomp"},
		LDFlags:  "-s -w -X main.version=VERSION",
		Seccomp:  true,
	}
}

// CNI is the pod network: a bridge, addresses handed out by one host.
func CNI() Tool {
	return Tool{
		Name:   "cni",
		Module: "github.com/containernetworking/plugins",
		Packages: []string{
			"github.com/containernetworking/plugins/plugins/ipam/host-local",
			"github.com/containernetworking/plugins/plugins/main/bridge",
			"github.com/containernetworking/plugins/plugins/main/loopback",
		},
		LDFlags: "-s -w",
		Static:  true,
	}
}

// CoreDNS resolves Service names for pods.
func CoreDNS() Tool {
	return Tool{Name: "coredns", Module: "github.com/coredns/coredns", Packages: []string{"."}, LDFlags: "-s -w"}
}

// Versitygw is an S3 gateway with its own IAM and STS.
func Versitygw() Tool {
	return Tool{
		Name:     "versitygw",
		Module:   "github.com/versity/versitygw",
		Packages: []string{"github.com/versity/versitygw/cmd/versitygw"},
		LDFlags:  "-s -w -X main.Version=VERSION",
		Static:   true,
	}
}

// Helm installs the chart.
func Helm() Tool {
	return Tool{
		Name:     "helm",
		Module:   "helm.sh/helm/v4",
		Packages: []string{"helm.sh/helm/v4/cmd/helm"},
		LDFlags:  "-s -w -X helm.sh/helm/v4/internal/version.version=VERSION",
		Static:   true,
	}
}

// ForCluster lists the tools that the local cluster runs.
func ForCluster() []Tool {
	return []Tool{Kubernetes(), Etcd(), Containerd(), Runc(), CNI(), CoreDNS()}
}
