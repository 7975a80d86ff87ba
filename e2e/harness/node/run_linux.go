package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Run is process 1. It returns only when the cluster is lost. entered marks the second pass on a version 2 machine, where the
// process replaces itself once to get all its threads into the cgroup namespace.
func Run(ctx context.Context, dir string, entered bool) error {
	if os.Getpid() != 1 {
		return errors.New("run node: not the first process of a namespace; this command is for `up` only")
	}
	c, err := Load(dir)
	if err != nil {
		return err
	}
	if !entered {
		if err := isolate(); err != nil {
			return err
		}
		if c.Cgroups.Unified {
			return c.enterCgroups()
		}
	}
	if c.Cgroups.Unified {
		if err := c.Cgroups.Delegate(); err != nil {
			return err
		}
	}
	if err := c.layMounts(); err != nil {
		return err
	}
	if err := layNetwork(); err != nil {
		return err
	}
	return c.serve(ctx)
}

// enterCgroups does not return unless it fails.
func (c Config) enterCgroups() error {
	runtime.LockOSThread()
	if err := c.Cgroups.Enter(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("enter control groups: %w", err)
	}
	return fmt.Errorf("enter control groups: %w", unix.Exec(self, append(os.Args, "--entered"), os.Environ()))
}

func (c Config) serve(ctx context.Context) error {
	handed := os.NewFile(ListenerFD, "listener")
	machine, err := net.FileListener(handed)
	if err != nil {
		return fmt.Errorf("take over listener: %w", err)
	}
	handed.Close() // or the components inherit it
	issuer, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(IssuerIP, "443"))
	if err != nil {
		return fmt.Errorf("listen for the token issuer: %w", err)
	}
	go forward(ctx, machine)
	go forward(ctx, issuer)

	s := &supervisor{env: c.env(), running: map[int]string{}}
	if err := c.startAll(s, c.early()); err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() {
		err := c.waitReady(ctx)
		if err == nil {
			slog.Info("API server is ready")
			err = c.startAll(s, c.late())
		}
		if err != nil {
			failed <- err
		}
	}()
	go func() { failed <- s.reap() }()
	return <-failed
}

func (c Config) startAll(s *supervisor, components []component) error {
	for _, x := range components {
		if err := s.start(x.program, c.Tools.Bin(x.program), c.Log(x.program), x.args...); err != nil {
			return err
		}
	}
	return nil
}

// env is short on purpose: proxies, certificate bundles and the like of the machine's environment are none of the cluster's.
func (c Config) env() []string {
	path := []string{c.Tools.Kubernetes, c.Tools.Containerd, c.Tools.Runc, c.Tools.Nft, "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
	return []string{"PATH=" + strings.Join(path, string(filepath.ListSeparator)), "HOME=/root"}
}
