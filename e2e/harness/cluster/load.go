package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"lighterman.dev/lighterman/e2e/harness/node"
)

// Load imports image archives, so that pods can use them with imagePullPolicy IfNotPresent or Never.
func (c *Cluster) Load(ctx context.Context, archives ...string) error {
	p, config, err := c.node()
	if err != nil {
		return err
	}
	for _, archive := range archives {
		if err := importArchive(ctx, p, config, archive); err != nil {
			return fmt.Errorf("load %s: %w", archive, err)
		}
	}
	return nil
}

func importArchive(ctx context.Context, p process, config node.Config, archive string) error {
	path, err := filepath.Abs(archive)
	if err != nil {
		return err
	}
	// The node's root seen from outside: no namespace has to be entered to reach a unix socket.
	socket := filepath.Join("/proc", strconv.Itoa(p.PID), "root", node.Socket)
	cmd := exec.CommandContext(ctx, config.Tools.Bin("ctr"), "--address", socket, "--namespace", "k8s.io", "images", "import", path)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ctr images import: %w: %s", err, lastLine(out.String()))
	}
	return nil
}

// lastLine is where programs say what went wrong; ctr prints warnings before it.
func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// Kubectl returns the command that runs the cluster's own kubectl.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (*exec.Cmd, error) {
	_, config, err := c.node()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, config.Tools.Bin("kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.Kubeconfig())
	return cmd, nil
}
