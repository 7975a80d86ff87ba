package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"lighterman.dev/lighterman/e2e/harness/node"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// DefaultName is the cluster that a person gets; tests that start one by themselves use another.
const DefaultName = "lighterman"

// Cluster is a local cluster, running or not.
type Cluster struct {
	// Name distinguishes clusters of one machine.
	Name string
	// Dir holds all that the cluster keeps.
	Dir string
}

// ErrNotRunning is returned by what needs a running cluster.
var ErrNotRunning = errors.New("cluster is not running")

// New names a cluster. It does not start it.
func New(name string) (*Cluster, error) {
	// The name becomes a directory, a control group and a kubeconfig context.
	if !regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`).MatchString(name) {
		return nil, fmt.Errorf("cluster name %q: use at most 40 lower-case letters, digits and dashes", name)
	}
	cache, err := tools.CacheDir()
	if err != nil {
		return nil, err
	}
	return &Cluster{Name: name, Dir: filepath.Join(cache, "clusters", name)}, nil
}

// Kubeconfig is the path of the administrator's kubeconfig, which works from anywhere on this machine.
func (c *Cluster) Kubeconfig() string { return c.path("kubeconfig") }

func (c *Cluster) path(names ...string) string {
	return filepath.Join(append([]string{c.Dir}, names...)...)
}

func (c *Cluster) pidFile() string { return c.path("node.pid") }

func (c *Cluster) group() string {
	if strings.HasPrefix(c.Name, DefaultName) {
		return c.Name
	}
	return DefaultName + "-" + c.Name
}

// node returns the running node's process and configuration, or ErrNotRunning.
func (c *Cluster) node() (process, node.Config, error) {
	p, err := loadProcess(c.pidFile())
	if errors.Is(err, os.ErrNotExist) {
		return process{}, node.Config{}, fmt.Errorf("%s: %w; start it with `up --name %s`", c.Name, ErrNotRunning, c.Name)
	}
	if err != nil {
		return process{}, node.Config{}, err
	}
	if !p.alive() {
		return process{}, node.Config{}, fmt.Errorf("%s: %w: %s", c.Name, ErrNotRunning, c.lastWords())
	}
	config, err := node.Load(c.Dir)
	return p, config, err
}

// lastWords returns why a node ended, from its log.
func (c *Cluster) lastWords() string {
	log := c.path("logs", "node.log")
	data, err := os.ReadFile(log)
	if err != nil {
		return "it ended and left no log"
	}
	return fmt.Sprintf("it ended: %s (logs in %s)", strings.TrimPrefix(lastLine(string(data)), "error: "), filepath.Dir(log))
}
