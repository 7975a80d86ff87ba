package cluster

import (
	"embed"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"text/template"

	"lighterman.dev/lighterman/e2e/harness/node"
)

//go:embed templates
var templates embed.FS

// pauseImage holds a pod's namespaces. It is built here, as there is no registry to pull one from.
const pauseImage = "localhost/pause:1"

// settings is what the components' configuration files say.
type settings struct {
	node.Config
	Address, Socket, PauseImage string
	// CgroupRoot is where the kubelet puts pods, as it sees the control groups.
	CgroupRoot  string
	Snapshotter string
}

type kubeconfig struct{ Name, Server, CA, User, Token string }

// contextName is what kubectl shows: the cluster's name, with the project's where that does not say it.
func (c *Cluster) contextName() string { return c.group() }

func ca64(pem []byte) string { return base64.StdEncoding.EncodeToString(pem) }

// configure writes the configuration files below etc/.
func (c *Cluster) configure(config node.Config) error {
	s := settings{
		Config: config, Address: node.Address, Socket: node.Socket, PauseImage: pauseImage,
		CgroupRoot: "/", Snapshotter: "overlayfs",
	}
	if !config.Cgroups.Unified {
		s.CgroupRoot = "/" + config.Group
	}
	// An overlay cannot lie on an overlay, which the disk is when this runs in a container.
	if isOverlay(c.Dir) {
		s.Snapshotter = "native"
	}
	for name, file := range map[string]string{
		"containerd.toml":  "etc/containerd.toml",
		"kubelet.yaml":     "etc/kubelet.yaml",
		"kube-proxy.yaml":  "etc/kube-proxy.yaml",
		"Corefile":         "etc/Corefile",
		"10-pods.conflist": "etc/cni/10-pods.conflist",
	} {
		if err := c.render(name, file, 0o644, s); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) render(name, file string, mode os.FileMode, data any) error {
	t, err := template.New(name).Option("missingkey=error").ParseFS(templates, "templates/"+name)
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	path := c.path(filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	defer f.Close()
	if err := t.Execute(f, data); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return f.Close()
}
