package cluster

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lighterman.dev/lighterman/e2e/harness/require"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

const (
	// KubeconfigEnv chooses the cluster for tests. $KUBECONFIG alone does not: tests create namespaces and webhooks, which nobody
	// wants in whichever cluster the shell happens to point to.
	KubeconfigEnv = "LIGHTERMAN_E2E_KUBECONFIG"
	// KeepEnv set to "true" keeps the cluster that tests started.
	KeepEnv = "LIGHTERMAN_E2E_KEEP"

	testName = "lighterman-e2e"
	// idle is how long a cluster that tests started outlives the last of them: enough for the next package's tests to begin.
	idle = time.Minute
)

// ForTest returns the cluster for this test: the one in LIGHTERMAN_E2E_KUBECONFIG, else a local one that all tests share, which is
// started on first use and ends a minute after the last test process. Where neither is possible the test ends through
// package require.
func ForTest(tb testing.TB) *Target {
	tb.Helper()
	if path := os.Getenv(KubeconfigEnv); path != "" {
		target, err := Connect(path)
		if err != nil {
			tb.Fatal(err)
		}
		return target
	}
	local, err := New(testName)
	if err != nil {
		tb.Fatal(err)
	}
	if err := CanRun(); err != nil {
		require.Skip(tb, fmt.Sprintf("a cluster: set %s, or: %v", KubeconfigEnv, err))
	}
	if err := hold(local); err != nil {
		tb.Fatal(err)
	}
	if err := upForTest(tb, local); err != nil {
		tb.Fatal(err)
	}
	target, err := Connect(local.Kubeconfig())
	if err != nil {
		tb.Fatal(err)
	}
	return target
}

// upForTest starts the cluster through its own program, which the test binary is not.
func upForTest(tb testing.TB, c *Cluster) error {
	tb.Helper()
	b, err := tools.NewBuilder(nil)
	if err != nil {
		return err
	}
	for _, tool := range tools.ForCluster() {
		built, err := b.Built(tb.Context(), tool)
		if err != nil {
			return err
		}
		if !built { // a build takes longer than a test may
			require.Skip(tb, "the cluster's programs, built once in about ten minutes: go run ./cmd/cluster build (in e2e)")
		}
	}
	program := filepath.Join(tb.TempDir(), "cluster")
	if err := b.BuildMain(tb.Context(), tools.Main{Module: "e2e", Package: "./cmd/cluster", Out: program}); err != nil {
		return err
	}
	args := []string{"up", "--name", c.Name}
	if os.Getenv(KeepEnv) != "true" {
		args = append(args, "--idle", idle.String())
	}
	out, err := exec.CommandContext(tb.Context(), program, args...).CombinedOutput()
	tb.Logf("cluster %s\n%s", strings.Join(args, " "), out)
	if err != nil {
		return fmt.Errorf("start cluster for tests: %w", err)
	}
	return nil
}

func (c *Cluster) usersFile() string { return c.Dir + ".users" }

// hold marks the cluster as used until this process ends.
func hold(c *Cluster) error {
	if err := os.MkdirAll(filepath.Dir(c.Dir), 0o755); err != nil {
		return fmt.Errorf("hold cluster: %w", err)
	}
	// Never closed: the kernel drops the lock with the process, however it ends.
	fd, err := unix.Open(c.usersFile(), unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return fmt.Errorf("hold cluster: %w", err)
	}
	if err := unix.Flock(fd, unix.LOCK_SH); err != nil {
		return fmt.Errorf("hold cluster: %w", err)
	}
	return nil
}

// DownWhenIdle ends the cluster that runs now once no test process has used it for so long.
func (c *Cluster) DownWhenIdle(ctx context.Context, idle time.Duration) error {
	f, err := os.OpenFile(c.usersFile(), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("wait for idle cluster: %w", err)
	}
	defer f.Close()
	watched, _, err := c.node()
	if err != nil {
		return err
	}
	used := time.Now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(idle / 20):
		}
		if now, _, err := c.node(); err != nil || now != watched {
			return nil // somebody else ended it
		}
		if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
			used = time.Now()
			continue
		}
		if time.Since(used) >= idle {
			return c.Down(nil) // with the lock, so that nobody begins to use it meanwhile
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_UN); err != nil {
			return fmt.Errorf("wait for idle cluster: %w", err)
		}
	}
}
