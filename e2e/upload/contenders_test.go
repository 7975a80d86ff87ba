package upload_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"

	"lighterman.dev/lighterman/e2e/harness/teststores"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// contender is a way to store files.
type contender struct {
	name string
	// store stores the source below a prefix.
	store func(m *benchmark, prefix string) usage
}

// contenders builds all. Each has its defaults, and the same store.
func contenders(tb testing.TB) []contender {
	tb.Helper()
	b, err := tools.NewBuilder(os.Stderr)
	if err != nil {
		tb.Fatal(err)
	}
	tool := func(t tools.Tool) string {
		dir, err := b.Build(tb.Context(), t)
		if err != nil {
			tb.Fatal(err)
		}
		return filepath.Join(dir, t.Name)
	}
	sidecar, sdk := build(tb, "../..", "./cmd/uploader"), build(tb, "..", "./cmd/sdkupload")
	s5cmd, rclone := tool(tools.S5cmd()), tool(tools.Rclone())
	aws := newAWS(tb, b)
	target := func(prefix string) string { return "s3://" + benchBucket + "/" + prefix + "/" }
	return []contender{
		{"uploader", func(m *benchmark, prefix string) usage { return m.sidecar(sidecar, prefix) }},
		{"sdk", func(m *benchmark, prefix string) usage {
			return m.program(exec.CommandContext(m.Context(), sdk, "--bucket", benchBucket, "--prefix", prefix, m.source))
		}},
		{"sdk+sha256", func(m *benchmark, prefix string) usage {
			return m.program(exec.CommandContext(m.Context(), sdk, "--bucket", benchBucket, "--prefix", prefix, "--sha256", m.source))
		}},
		{"s5cmd", func(m *benchmark, prefix string) usage {
			return m.program(exec.CommandContext(m.Context(), s5cmd, "--log=error", "cp", m.source+"/", target(prefix)))
		}},
		{"rclone", func(m *benchmark, prefix string) usage {
			return m.program(exec.CommandContext(m.Context(), rclone, "copy", "--config", os.DevNull, "--ca-cert", m.server.CAFile,
				"--s3-provider", "Other", "--s3-env-auth", "--s3-endpoint", m.server.Endpoint, "--s3-region", teststores.Region,
				"--s3-no-check-bucket", m.source, ":s3:"+benchBucket+"/"+prefix))
		}},
		{"aws", func(m *benchmark, prefix string) usage {
			return m.program(aws.command(m, "--endpoint-url", m.server.Endpoint, "s3", "cp", "--recursive", "--no-progress",
				"--only-show-errors", m.source, target(prefix)))
		}},
	}
}

// build builds a program of a module.
func build(tb testing.TB, module, what string) string {
	tb.Helper()
	program := filepath.Join(tb.TempDir(), filepath.Base(what))
	cmd := exec.CommandContext(tb.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, what)
	cmd.Dir, cmd.Env = module, append(os.Environ(), "CGO_ENABLED=0") // As the image has it.
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("build %s: %v: %s", what, err, out)
	}
	return program
}

// program runs a tool that stores a directory and ends.
func (m *benchmark) program(c *exec.Cmd) usage {
	m.Helper()
	c.Env = append(append(os.Environ(), c.Env...),
		"AWS_ACCESS_KEY_ID="+teststores.AccessKey, "AWS_SECRET_ACCESS_KEY="+teststores.SecretKey, "AWS_REGION="+teststores.Region,
		"AWS_ENDPOINT_URL="+m.server.Endpoint, "S3_ENDPOINT_URL="+m.server.Endpoint, "AWS_CA_BUNDLE="+m.server.CAFile,
		"AWS_EC2_METADATA_DISABLED=true", "HOME="+m.TempDir())
	var output strings.Builder
	c.Stdout, c.Stderr = &output, &output
	began := time.Now()
	m.must(c.Start())
	peak := watch(m.Context(), c.Process.Pid)
	if err := c.Wait(); err != nil {
		m.Fatalf("%s: %v: %s", c.Path, err, output.String())
	}
	return usage{wall: time.Since(began), cpu: cpuTime(c), peak: peak()}
}

func cpuTime(c *exec.Cmd) time.Duration {
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime()
}

// sidecar runs the uploader as a pod has it: the sidecar is there when a wrapped command puts the files into the spool, and
// ends with the pod.
func (m *benchmark) sidecar(program, prefix string) usage {
	m.Helper()
	s := m.startSidecar(program, uploader.Config{Prefix: prefix, S3: m.where()})
	// Links, for it is not copying that is measured. The spool is empty before.
	wrapped := s.command("exec", "--directory", s.directory, "--", "/bin/sh", "-c", `exec ln "$0"/* "$1"`, m.source, s.spool)
	began := time.Now()
	if out, err := wrapped.CombinedOutput(); err != nil {
		m.Fatalf("%v: %s", err, out)
	}
	used := usage{wall: time.Since(began), cpu: cpuTime(wrapped)}
	s.end(&used)
	return used
}

// measured is a sidecar whose memory is watched.
type measured struct {
	*benchmark

	program, spool, directory string
	env                       []string
	process                   *exec.Cmd
	log                       *os.File
	idle                      int64
	peak                      func() int64
}

// where is the store, as the sidecar has it.
func (m *benchmark) where() *uploader.S3 {
	return &uploader.S3{
		Bucket: benchBucket, Region: teststores.Region, Endpoint: m.server.Endpoint, ForcePathStyle: true,
		Auth: uploader.Auth{Mode: "accessKey"},
	}
}

// startSidecar starts a sidecar, and waits until it takes files.
func (m *benchmark) startSidecar(program string, config uploader.Config) *measured {
	m.Helper()
	s := &measured{benchmark: m, program: program, spool: m.TempDir(), directory: m.TempDir()}
	config.Spool, config.Directory, config.Completion, config.CAFile = s.spool, s.directory, uploader.Wrap, m.server.CAFile
	s.env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+teststores.AccessKey, "AWS_SECRET_ACCESS_KEY="+teststores.SecretKey,
		uploader.EnvConfig+"="+config.String(), uploader.EnvPodNamespace+"=ns", uploader.EnvPodName+"=pod", uploader.EnvPodUID+"=uid")
	var err error
	s.log, err = os.Create(filepath.Join(m.TempDir(), "log"))
	m.must(err)
	s.process = s.command("run", "--termination-log", "", "--log-level", "debug")
	s.process.Stderr = s.log
	m.must(s.process.Start())
	for s.command("probe", "--directory", s.directory).Run() != nil {
		time.Sleep(10 * time.Millisecond)
	}
	s.idle = resident(s.process.Process.Pid, "VmRSS")
	s.peak = watch(m.Context(), s.process.Process.Pid)
	return s
}

func (s *measured) command(args ...string) *exec.Cmd {
	c := exec.CommandContext(s.Context(), s.program, args...)
	c.Env = s.env
	return c
}

// end ends the pod, and adds what the sidecar took.
func (s *measured) end(used *usage) {
	s.Helper()
	s.must(s.process.Process.Signal(syscall.SIGTERM))
	err := s.process.Wait()
	s.must(s.log.Close())
	if err != nil {
		text, _ := os.ReadFile(s.log.Name()) // What can be said of it.
		s.Fatalf("the sidecar: %v: %s", err, text)
	}
	s.must(os.RemoveAll(s.spool)) // Dumps are large.
	used.cpu += cpuTime(s.process)
	used.idle, used.peak = s.idle, s.peak()
}

// awsCLI is the AWS command line of Debian, which this machine need not have installed.
type awsCLI struct{ root string }

func newAWS(tb testing.TB, b *tools.Builder) awsCLI {
	tb.Helper()
	debs, err := b.Packages(tb.Context(), "awscli", "awscli")
	if err != nil {
		tb.Fatal(err)
	}
	dir := filepath.Join(b.Cache, "tools", "root-"+filepath.Base(debs))
	err = b.Once(dir, "root-awscli", func(temp string) error {
		files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
		for _, file := range files {
			if out, extractErr := exec.CommandContext(tb.Context(), "dpkg-deb", "--extract", file, temp).CombinedOutput(); extractErr != nil {
				return fmt.Errorf("unpack %s: %w: %s", file, extractErr, out)
			}
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return awsCLI{dir}
}

// command runs it with the Python and the libraries of its own tree.
func (a awsCLI) command(m *benchmark, args ...string) *exec.Cmd {
	python := filepath.Join(a.root, "usr/bin/python3")
	c := exec.CommandContext(m.Context(), python, append([]string{filepath.Join(a.root, "usr/bin/aws")}, args...)...)
	c.Env = []string{
		"PYTHONHOME=" + filepath.Join(a.root, "usr"),
		"LD_LIBRARY_PATH=" + filepath.Join(a.root, "usr/lib/x86_64-linux-gnu") + ":" + filepath.Join(a.root, "lib/x86_64-linux-gnu"),
	}
	return c
}
