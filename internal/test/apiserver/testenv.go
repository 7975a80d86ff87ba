package apiserver

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	// assets is the directory that holds kube-apiserver and etcd. kubectl is not needed.
	assets = "KUBEBUILDER_ASSETS"
	// required makes a test without the programs fail, so that CI cannot pass by skipping.
	required = "LIGHTERMAN_E2E_REQUIRED"
)

// Start runs etcd and kube-apiserver until the test ends, installs the CRDs found in crds (files or directories), and
// returns the configuration of a cluster administrator. RBAC is on. Without the programs it skips the test.
func Start(tb testing.TB, crds ...string) *rest.Config {
	tb.Helper()
	return StartWith(tb, nil, crds...)
}

// StartWith is Start, with flags of kube-apiserver.
func StartWith(tb testing.TB, flags map[string]string, crds ...string) *rest.Config {
	tb.Helper()
	dir := os.Getenv(assets)
	if dir == "" {
		missing(tb, assets+" is not set: `make test` sets it to a directory with kube-apiserver and etcd")
	}
	for _, program := range []string{"kube-apiserver", "etcd"} {
		if _, err := os.Stat(filepath.Join(dir, program)); err != nil {
			missing(tb, assets+" names a directory without "+program+": `make test` builds it")
		}
	}
	env := &envtest.Environment{
		BinaryAssetsDirectory:    dir,
		CRDDirectoryPaths:        crds,
		ErrorIfCRDPathMissing:    true,
		ControlPlaneStartTimeout: 2 * time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	for flag, value := range flags {
		env.ControlPlane.GetAPIServer().Configure().Append(flag, value)
	}
	tb.Cleanup(func() {
		if err := env.Stop(); err != nil {
			tb.Errorf("stop API server: %v", err)
		}
	})
	cfg, err := env.Start()
	if err != nil {
		tb.Fatalf("start API server: %v", err)
	}
	return cfg
}

func missing(tb testing.TB, why string) {
	tb.Helper()
	if os.Getenv(required) == "true" {
		tb.Fatalf("%s=true, but %s", required, why)
	}
	tb.Skip(why)
}
