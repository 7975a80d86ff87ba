package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"lighterman.dev/lighterman/e2e/harness/cgroup"
	"lighterman.dev/lighterman/e2e/harness/node"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// UpOptions are for Up.
type UpOptions struct {
	// Log gets a line for each step. Nil discards them.
	Log io.Writer
	// Timeout bounds the start, not the build of the tools. Zero is three minutes.
	Timeout time.Duration
	// Executable is a program with cmd/cluster's commands node and guard, which run beyond this call. Empty is this program.
	Executable string
	// Idle ends a cluster that this call starts once no test process has used it for so long. Zero keeps it.
	Idle time.Duration
}

// CanRun returns why this machine cannot run a local cluster, or nil.
func CanRun() error {
	if runtime.GOOS != "linux" {
		return errors.New("a local cluster needs Linux; give the kubeconfig of another cluster instead")
	}
	if os.Geteuid() != 0 {
		return errors.New("a local cluster needs root, to make namespaces and control groups; use sudo, or give the kubeconfig of another cluster")
	}
	_, err := cgroup.Detect(cgroup.Root)
	return err
}

// Up starts the cluster and returns when pods can be created. One that runs already is left as it is.
func (c *Cluster) Up(ctx context.Context, o UpOptions) error {
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.Timeout == 0 {
		o.Timeout = 3 * time.Minute
	}
	if err := CanRun(); err != nil {
		return err
	}
	unlock, err := c.lock(o.Log)
	if err != nil {
		return err
	}
	defer unlock()
	if _, _, err := c.node(); err == nil {
		fmt.Fprintf(o.Log, "cluster %s is already running\n", c.Name)
		return c.wait(ctx, newProgress(o.Log), o.Timeout)
	}
	config, err := c.prepare(ctx, o)
	if err != nil {
		return err
	}
	if o.Executable == "" {
		if o.Executable, err = os.Executable(); err != nil {
			return fmt.Errorf("start cluster %s: %w", c.Name, err)
		}
	}
	p := newProgress(o.Log)
	if err := c.start(config, o.Executable); err != nil {
		return err
	}
	p.step("node started")
	if o.Idle > 0 {
		if err := c.startGuard(o.Executable, o.Idle); err != nil {
			return err
		}
	}
	if err := c.wait(ctx, p, o.Timeout); err != nil {
		return fmt.Errorf("start cluster %s: %w", c.Name, err)
	}
	return nil
}

// startGuard leaves a process behind that ends the cluster when it is idle.
func (c *Cluster) startGuard(executable string, idle time.Duration) error {
	cmd := exec.Command(executable, "guard", "--name", c.Name, "--idle", idle.String()) //nolint:noctx // It outlives every context of this process.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start guard: %w", err)
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

func (c *Cluster) lock(log io.Writer) (func(), error) {
	return tools.Lock(c.Dir+".lock", func() { fmt.Fprintf(log, "waiting for another up or down of %s\n", c.Name) })
}

// prepare builds what is missing and makes the cluster's directory afresh.
func (c *Cluster) prepare(ctx context.Context, o UpOptions) (node.Config, error) {
	if err := c.vacant(); err != nil {
		return node.Config{}, err
	}
	groups, err := cgroup.Detect(cgroup.Root)
	if err != nil {
		return node.Config{}, err
	}
	builder, err := tools.NewBuilder(o.Log)
	if err != nil {
		return node.Config{}, err
	}
	built, err := Build(ctx, builder)
	if err != nil {
		return node.Config{}, err
	}
	if err := c.remove(groups); err != nil { // left by a machine that was switched off
		return node.Config{}, err
	}
	if err := os.MkdirAll(c.path("logs"), 0o755); err != nil {
		return node.Config{}, fmt.Errorf("prepare cluster: %w", err)
	}
	if err := writePause(ctx, builder, c.path("pause.tar")); err != nil {
		return node.Config{}, err
	}
	config := node.Config{Dir: c.Dir, Group: c.group(), Cgroups: groups, Tools: built}
	if err := c.configure(config); err != nil {
		return node.Config{}, err
	}
	if err := groups.Create(config.Group); err != nil {
		return node.Config{}, err
	}
	return config, config.Save()
}

// vacant refuses a name that a cluster of another cache directory uses: control groups are named after the cluster alone,
// so both would use the same, and the end of one would fail in the middle or take the other's.
func (c *Cluster) vacant() error {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return fmt.Errorf("list processes: %w", err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // It has ended.
		}
		args := strings.Split(string(line), "\x00")
		if len(args) < 4 || args[1] != nodeCommand || args[2] != "--dir" {
			continue
		}
		if dir := args[3]; filepath.Base(dir) == c.Name && dir != c.Dir {
			return fmt.Errorf("cluster name %s is taken: one of that name runs from another cache directory, %s: choose another --name, or take that one down with LIGHTERMAN_CACHE=%s",
				c.Name, dir, filepath.Dir(filepath.Dir(dir)))
		}
	}
	return nil
}

// nodeCommand is the command of cmd/cluster that runs a node; --dir names its cluster's directory.
const nodeCommand = "node"

// start runs the node in its own namespaces. It outlives this process.
func (c *Cluster) start(config node.Config, executable string) error {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return fmt.Errorf("listen for the API server: %w", err)
	}
	defer listener.Close()
	if err := c.credentials("https://" + listener.Addr().String()); err != nil {
		return err
	}
	socket, err := listener.File()
	if err != nil {
		return fmt.Errorf("listen for the API server: %w", err)
	}
	defer socket.Close()
	log, err := os.Create(c.path("logs", "node.log"))
	if err != nil {
		return fmt.Errorf("start node: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(executable, nodeCommand, "--dir", c.Dir) //nolint:noctx // It outlives every context of this process.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/root"}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{socket} // node.ListenerFD
	var group *os.File
	if config.Cgroups.Unified {
		if group, err = config.Cgroups.Open(config.Group); err != nil {
			return err
		}
		defer group.Close()
	}
	cmd.SysProcAttr = ownNamespaces(group)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start node: %w", err)
	}
	p, err := identify(cmd.Process.Pid)
	if err == nil {
		err = p.save(c.pidFile())
	}
	if err != nil {
		_ = cmd.Process.Kill() // nobody could find it again
		return fmt.Errorf("start node: %w", err)
	}
	go func() { _ = cmd.Wait() }() // reap it, should it end before this process does
	return nil
}
