package upload_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/manifest"

	"lighterman.dev/lighterman/e2e/harness/require"
	"lighterman.dev/lighterman/e2e/harness/teststores"
)

var stdoutGiB = flag.Int64("stdout-gib", 2, "how much TestStdoutInBoundedMemory sends")

// boundedMemory is the memory limit of the sidecar in TestStdoutInBoundedMemory.
const boundedMemory = 256 << 20

// TestStdoutInBoundedMemory sends more than the machine needs to have room for through a sidecar in a control group with
// 256 MiB: nothing of it is ever on a disk.
func TestStdoutInBoundedMemory(t *testing.T) {
	group := memoryGroup(t, boundedMemory)
	server := teststores.NewForgetful(t)
	p := &pod{
		T: t, secrets: []string{"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=s"}, files: map[string][]byte{},
		identity:    uploader.Pod{Namespace: "ns", Name: "pod", UID: "uid"},
		termination: filepath.Join(t.TempDir(), "termination-log"),
		config: uploader.Config{
			Directory: t.TempDir(), Prefix: "p", CAFile: server.CA, Completion: uploader.Wrap, DrainTimeoutSeconds: 600,
			Containers: []uploader.Container{{Name: "dump", Stdout: "orders.dump"}},
			S3: &uploader.S3{
				Bucket: "b", Region: "eu-west-1", Endpoint: server.Endpoint, ForcePathStyle: true, Auth: uploader.Auth{Mode: "accessKey"},
			},
		},
	}
	s := group.run(t, p)
	p.ready(s)
	size := *stdoutGiB << 30
	began := time.Now()
	r := p.start("exec", "--directory", p.config.Directory, "--container=dump", "--stdout=orders.dump", "--timeout=10m", "--",
		"head", "-c", fmt.Sprint(size), "/dev/zero")
	err := <-r.ended
	took := time.Since(began)
	if err != nil {
		t.Fatalf("exec: %v: %s", err, r.text())
	}
	if got := server.Size("orders.dump"); got != size {
		t.Errorf("the object has %d bytes of %d", got, size)
	}
	t.Logf("%d GiB in %v, %.0f MB/s; resident at most %d MiB, the control group at most %d MiB of %d MiB",
		*stdoutGiB, took.Round(time.Millisecond), float64(size)/1e6/took.Seconds(), resident(s.Process.Pid, "VmHWM")>>20,
		group.peak(t)>>20, boundedMemory>>20)
	if n := server.Unfinished(); n > 0 {
		t.Errorf("%d uploads are left over", n)
	}
	used := int64(0)
	err = filepath.Walk(p.config.Directory, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && !strings.HasSuffix(path, "/uploader") {
			used += info.Size()
		}
		return err
	})
	if err != nil || used > 1<<20 {
		t.Errorf("%d bytes are on the disk beside the program, %v", used, err)
	}
	if m := p.manifestOf(t, server); m.State != manifest.Complete || m.Totals.Bytes != size {
		t.Errorf("the manifest is %+v", m)
	}
}

// manifestOf reads the manifest from a server.
func (p *pod) manifestOf(t *testing.T, server *teststores.Forgetful) *manifest.Manifest {
	t.Helper()
	where := *p.config.S3
	t.Setenv("AWS_ACCESS_KEY_ID", "a")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "s")
	m, err := manifest.Load(t.Context(), openS3(t, &teststores.S3{CAFile: server.CA}, where), p.manifestKey())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// memoryControlGroup is a control group of version 1 or 2 with a limit.
type memoryControlGroup struct{ dir, peakFile string }

// memoryGroup makes a control group whose processes have so much memory together, with the page cache.
func memoryGroup(t *testing.T, limit int64) memoryControlGroup {
	t.Helper()
	root, limitFile, peakFile := "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"
	if _, err := os.Stat(root); err != nil {
		root, limitFile, peakFile = "/sys/fs/cgroup", "memory.max", "memory.peak"
	}
	dir, err := os.MkdirTemp(root, "lighterman-stdout-") //nolint:usetesting // It must be a control group.
	if err != nil {
		require.Skip(t, fmt.Sprintf("a control group: %v", err))
	}
	t.Cleanup(func() {
		eventually(t, "the control group is empty", func() bool { return os.Remove(dir) == nil })
	})
	if err := os.WriteFile(filepath.Join(dir, limitFile), fmt.Append(nil, limit), 0o600); err != nil {
		require.Skip(t, fmt.Sprintf("a control group with a memory limit: %v", err))
	}
	return memoryControlGroup{dir, peakFile}
}

// run starts the pod's sidecar in the group.
func (g memoryControlGroup) run(t *testing.T, p *pod) *process {
	t.Helper()
	program, err := buildProgram()
	if err != nil {
		t.Fatal(err)
	}
	return launch(t, p.environment(), "/bin/sh", "-c", `echo $$ > "$0/cgroup.procs"; exec "$@"`, g.dir,
		program, "run", "--termination-log", p.termination)
}

// peak returns the most memory that the group ever had.
func (g memoryControlGroup) peak(t *testing.T) (bytes int64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, g.peakFile))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(text), &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes
}
