package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"lighterman.dev/lighterman/e2e/harness/image"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// Target is the cluster that tests use: a local one, or any that a kubeconfig leads to.
type Target struct {
	Kubeconfig string
	REST       *rest.Config
	// Local is nil for a cluster that is not ours.
	Local *Cluster
}

// ErrNoRepository reports that images have no way into the cluster.
var ErrNoRepository = errors.New("a registry that the cluster pulls from: set " + image.RepositoryEnv)

// Connect opens the cluster of a kubeconfig. One that Up wrote is recognised as local.
func Connect(kubeconfig string) (*Target, error) {
	path, err := filepath.Abs(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	// Tests poll; the default of 5 requests a second is for a single careful controller.
	config.QPS, config.Burst = 100, 200
	t := &Target{Kubeconfig: path, REST: config}
	cache, err := tools.CacheDir()
	if err != nil {
		return nil, err
	}
	if dir := filepath.Dir(path); filepath.Base(path) == "kubeconfig" && filepath.Dir(dir) == filepath.Join(cache, "clusters") {
		if t.Local, err = New(filepath.Base(dir)); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Deliver makes an image available to pods and returns the name to use: through the runtime for a local cluster, else through the
// registry in LIGHTERMAN_IMAGE_REPOSITORY. name is local, e.g. "localhost/backup:1".
func (t *Target) Deliver(ctx context.Context, name string, img v1.Image) (string, error) {
	if t.Local == nil {
		repository := os.Getenv(image.RepositoryEnv)
		if repository == "" {
			return "", ErrNoRepository
		}
		return image.Push(ctx, image.In(repository, name), img)
	}
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return "", fmt.Errorf("deliver %s: %w", name, err)
	}
	defer os.RemoveAll(dir)
	archive := filepath.Join(dir, "image.tar")
	if err := image.Write(archive, name, img); err != nil {
		return "", err
	}
	return name, t.Local.Load(ctx, archive)
}
