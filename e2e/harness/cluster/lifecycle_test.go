package cluster_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/require"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// TestLifecycle starts a cluster of its own, beside whatever runs on this machine, and sees that it leaves nothing behind.
func TestLifecycle(t *testing.T) {
	if err := cluster.CanRun(); err != nil {
		require.Skip(t, err.Error())
	}
	program := buildProgram(t)
	c, err := cluster.New(fmt.Sprintf("test-%d", os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	before := machine(t)
	run := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), program, append(args, "--name", c.Name)...).CombinedOutput()
		return string(out), err
	}
	must := func(args ...string) string {
		t.Helper()
		start := time.Now()
		out, err := run(args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		t.Logf("%s took %s", strings.Join(args, " "), time.Since(start).Round(10*time.Millisecond))
		return out
	}
	t.Cleanup(func() {
		if err := c.Down(io.Discard); err != nil {
			t.Error(err)
		}
		if err := os.Remove(c.Dir + ".lock"); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})

	if out := must("up"); !strings.Contains(out, "export KUBECONFIG="+c.Kubeconfig()) {
		t.Errorf("up says:\n%s", out)
	}
	if out := must("up"); !strings.Contains(out, "already running") {
		t.Errorf("a second up says:\n%s", out)
	}
	elsewhere := exec.CommandContext(t.Context(), program, "up", "--name", c.Name)
	elsewhere.Env = append(os.Environ(), "LIGHTERMAN_CACHE="+t.TempDir())
	if out, err := elsewhere.CombinedOutput(); err == nil || !strings.Contains(string(out), "is taken") || !strings.Contains(string(out), c.Dir) {
		t.Errorf("up from another cache directory says: %v\n%s", err, out)
	}
	if diff := cmp.Diff(before, machine(t)); diff != "" {
		t.Errorf("the running cluster changes the machine:\n%s", diff)
	}
	if out := must("status"); !strings.Contains(out, "is running") {
		t.Errorf("status says:\n%s", out)
	}
	t.Run("anybody may read the issuer's discovery document", func(t *testing.T) { discovery(t, c) })

	must("down")
	if out, err := run("status"); err == nil || !strings.Contains(out, "not running") {
		t.Errorf("after down, status says: %v\n%s", err, out)
	}
	if _, err := os.Stat(c.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("down left %s: %v", c.Dir, err)
	}
	if left, err := leftGroups("lighterman-" + c.Name); err != nil || len(left) > 0 {
		t.Errorf("down left control groups %v", left)
	}
	must("down") // once more is no error
}

func buildProgram(t *testing.T) string {
	t.Helper()
	b, err := tools.NewBuilder(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tool := range tools.ForCluster() {
		if built, err := b.Built(t.Context(), tool); err != nil || !built {
			require.Skip(t, "the cluster's programs: go run ./cmd/cluster build (in e2e)")
		}
	}
	program := filepath.Join(t.TempDir(), "cluster")
	if err := b.BuildMain(t.Context(), tools.Main{Module: "e2e", Package: "./cmd/cluster", Out: program}); err != nil {
		t.Fatal(err)
	}
	return program
}

// machine is what a cluster must not change.
func machine(t *testing.T) map[string]string {
	t.Helper()
	state := map[string]string{}
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		state["interface "+i.Name] = fmt.Sprint(addresses, i.Flags)
	}
	for _, file := range []string{
		"/proc/net/route", "/proc/self/mounts", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/panic", "/proc/sys/kernel/panic_on_oops",
		"/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/keys/root_maxkeys", "/proc/sys/kernel/hostname",
	} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		state[file] = string(data)
	}
	return state
}

func discovery(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	config, err := c.REST()
	if err != nil {
		t.Fatal(err)
	}
	config.BearerToken = ""
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, config.Host+"/.well-known/openid-configuration", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(string(body), `"issuer":"https://198.51.100.10"`) {
		t.Errorf("%s: %s", resp.Status, body)
	}
}

// leftGroups returns the cgroups of that name: one in each hierarchy of version 1, one at the top of version 2.
func leftGroups(name string) ([]string, error) {
	each, err := filepath.Glob("/sys/fs/cgroup/*/" + name)
	if err != nil {
		return nil, err
	}
	top, err := filepath.Glob("/sys/fs/cgroup/" + name)
	return append(each, top...), err
}
