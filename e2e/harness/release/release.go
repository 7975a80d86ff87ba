package release

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/image"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// Names of what Install installs.
const (
	Name      = "lighterman"
	Namespace = "lighterman-system"
)

// Options are for Install.
type Options struct {
	// Version is what the program reports as its own. Empty: "v0.0.0-e2e".
	Version string
	// Set are further values, as helm's --set takes them.
	Set []string
	// Log gets helm's output when it fails. Nil discards it.
	Log io.Writer
}

// Release is an installed Lighterman.
type Release struct {
	// Image and UploaderImage are the images as the cluster knows them.
	Image, UploaderImage string

	helm, chart, kubeconfig string
}

// Install builds the image, delivers it, and installs or upgrades the chart; it returns when both replicas are ready.
func Install(ctx context.Context, b *tools.Builder, target *cluster.Target, o Options) (*Release, error) {
	dir, err := b.Build(ctx, tools.Helm())
	if err != nil {
		return nil, err
	}
	images, err := deliver(ctx, b, target, o.Version)
	if err != nil {
		return nil, fmt.Errorf("deliver the images of Lighterman: %w", err)
	}
	r := &Release{
		Image: images["lighterman"], UploaderImage: images["uploader"], helm: filepath.Join(dir, "helm"), kubeconfig: target.Kubeconfig,
		chart: filepath.Join(b.Source, "charts", "lighterman"),
	}
	return r, r.Upgrade(ctx, o.Set...)
}

// Upgrade runs helm upgrade --install with further values, and waits until the replicas are ready.
func (r *Release) Upgrade(ctx context.Context, set ...string) error {
	repository, tag := split(r.Image)
	uploaderRepository, uploaderTag := split(r.UploaderImage)
	args := []string{
		"upgrade", "--install", Name, r.chart, "--namespace", Namespace, "--create-namespace",
		"--wait", "--timeout=3m",
		"--set", "image.repository=" + repository, "--set", "image.tag=" + tag,
		"--set", "uploader.image.repository=" + uploaderRepository, "--set", "uploader.image.tag=" + uploaderTag,
	}
	for _, value := range set {
		args = append(args, "--set", value)
	}
	return r.run(ctx, args...)
}

// Uninstall removes the release. The CRDs stay, as the chart promises.
func (r *Release) Uninstall(ctx context.Context) error {
	return r.run(ctx, "uninstall", Name, "--namespace", Namespace, "--wait", "--timeout=2m")
}

func (r *Release) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, r.helm, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+r.kubeconfig)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("helm %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// programs are those of the release, each with its image.
var programs = map[string]string{"lighterman": ".", "uploader": "./cmd/uploader"}

// deliver builds the images as the Dockerfile does, and returns their names in the cluster. A tag is the image's digest, so
// that an upgrade replaces the pods exactly when the program has changed.
func deliver(ctx context.Context, b *tools.Builder, target *cluster.Target, version string) (map[string]string, error) {
	if version == "" {
		version = "v0.0.0-e2e"
	}
	dir, err := os.MkdirTemp("", "lighterman-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	refs := map[string]string{}
	for name, pkg := range programs {
		program := filepath.Join(dir, name)
		err = b.BuildMain(ctx, tools.Main{Module: ".", Package: pkg, Out: program, LDFlags: "-X main.version=" + version, Tags: image.BuildTag})
		if err != nil {
			return nil, err
		}
		img, err := image.Build(image.Spec{Binaries: map[string]string{"/" + name: program}, Entrypoint: []string{"/" + name}})
		if err != nil {
			return nil, err
		}
		digest, err := img.Digest()
		if err != nil {
			return nil, err
		}
		if refs[name], err = target.Deliver(ctx, "localhost/"+name+":"+digest.Hex[:12], img); err != nil {
			return nil, err
		}
	}
	return refs, nil
}

func split(ref string) (repository, tag string) {
	at := strings.LastIndex(ref, ":")
	return ref[:at], ref[at+1:]
}
