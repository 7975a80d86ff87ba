package uploadercmd

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/internal/exitcode"
	"lighterman.dev/lighterman/uploader"
)

func TestPreflight(t *testing.T) {
	p := newPod(t, "")
	if r := p.start("preflight", "--termination-log", ""); r.code() != 0 {
		t.Error("the preflight fails with a store that works")
	}
	p.nothingLeft()
	message := filepath.Join(p.directory, "termination-log")
	p.settings = `{"spool":"` + p.spool + `"}`
	if code := p.start("preflight", "--termination-log", message).code(); code != exitcode.Failed {
		t.Errorf("without a store: exit code %d", code)
	}
	text, err := os.ReadFile(message)
	if err != nil || !strings.Contains(string(text), "exactly one") {
		t.Errorf("the termination message is %q, %v", text, err)
	}
}

func TestInstall(t *testing.T) {
	p := newPod(t, "")
	for range 2 { // The second time over the first copy.
		if code := p.start("install", p.directory).code(); code != 0 {
			t.Fatalf("exit code %d", code)
		}
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(p.directory, "uploader"), "-test.run", "^$").CombinedOutput()
	if err != nil {
		t.Errorf("the copy does not run: %v: %s", err, out)
	}
	if code := p.start("install", filepath.Join(p.directory, "missing")).code(); code != exitcode.Failed {
		t.Errorf("into a directory that does not exist: exit code %d", code)
	}
}

func TestDoctorReportsFailures(t *testing.T) {
	p := newPod(t, "")
	p.must(os.RemoveAll(p.share))
	out, err := p.command("doctor", "--patience", "0s").Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitcode.Failed {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(string(out), "FAIL  ") {
		t.Errorf("no failure in:\n%s", out)
	}
}

// TestBucketFromVariable: where only the kubelet knows the bucket's name, preflight and doctor take it from its variable, and a value
// that names none is an error that says where it comes from.
func TestBucketFromVariable(t *testing.T) {
	p := newPod(t, "")
	p.settings = strings.Replace(p.settings, `"bucket":"share"`, `"bucket":"`+uploader.BucketFromVariable+`"`, 1)
	message := filepath.Join(p.directory, "termination-log")
	t.Setenv(uploader.EnvBucket, "share")
	if code := p.start("preflight", "--termination-log", message).code(); code != 0 {
		t.Errorf("with the name of a bucket: exit code %d", code)
	}
	t.Setenv(uploader.EnvBucket, `{"spec":{"bucketName":"share"}}`)
	if code := p.start("preflight", "--termination-log", message).code(); code != exitcode.Failed {
		t.Errorf("with a document: exit code %d", code)
	}
	text, err := os.ReadFile(message)
	if err != nil || !strings.Contains(string(text), "the profile's s3.bucketFrom names") {
		t.Errorf("the termination message is %q, %v", text, err)
	}
	if out, err := p.command("doctor").CombinedOutput(); err == nil || !strings.Contains(string(out), "s3.bucketFrom") {
		t.Errorf("the doctor says %s, %v", out, err)
	}
}
