package lightermancmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

// version is that of the commands under test.
const version = "v0.0.0-dev"

// run runs the program as a shell would, and returns its output.
func run(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := newCommand(version)
	var out, errOut bytes.Buffer
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&out)
	cmd.SetErr(&errOut)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return out.String(), errOut.String(), err
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestChartFlags parses the arguments of every rendered chart with the program's own flags.
func TestChartFlags(t *testing.T) {
	rendered, err := filepath.Glob("../../../charts/testdata/*/want.yaml")
	if err != nil || len(rendered) == 0 {
		t.Fatal(err, len(rendered))
	}
	for _, path := range rendered {
		found := false
		for document := range strings.SplitSeq(read(t, path), "\n---\n") {
			var d appsv1.Deployment
			if err := yaml.Unmarshal([]byte(document), &d); err != nil || d.Kind != "Deployment" {
				continue
			}
			found = true
			for _, c := range d.Spec.Template.Spec.Containers {
				cmd, flags, err := newCommand(version).Find(c.Args)
				if err != nil || cmd.Name() != c.Name {
					t.Fatalf("%s: %v: %v", path, c.Args, err)
				}
				if err := cmd.ParseFlags(flags); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
		}
		if !found {
			t.Errorf("%s has no Deployment", path)
		}
	}
}

func TestWebhookRefusesBadFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"--namespace is required":                 {"--certs=files", "--certs-dir=x"},
		"--log-level=loud is not a level":         {"--log-level=loud"},
		"--log-format=xml is not a format":        {"--log-format=xml"},
		"not supported in this version: --certs=": {"--namespace=x", "--certs=cert-manager"},
		"--certs=files needs --certs-dir":         {"--namespace=x", "--certs=files"},
		"--certs=embedded needs --certs-secret":   {"--namespace=x"},
		"--read-only needs --annotate-service":    {"--namespace=x", "--certs-secret=x", "--read-only"},
	} {
		_, _, err := run(t, "", append([]string{"webhook"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
}

func TestCertsRefusesBadFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"--log-level=loud is not a level": {"--log-level=loud"},
		"--namespace is required":         {"--ca-secret=x"},
		"--ca-secret is required":         {"--namespace=x"},
	} {
		_, _, err := run(t, "", append([]string{"certs"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
}

func TestBundle(t *testing.T) {
	private := read(t, "../../cabundle/testdata/ca.crt")
	out := filepath.Join(t.TempDir(), "ca.crt")
	if _, _, err := run(t, "", "ca-bundle", "--add", writeFile(t, private), "--out", out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(read(t, out), private) {
		t.Error("the added certificate is missing")
	}
	refused := filepath.Join(t.TempDir(), "ca.crt")
	_, _, err := run(t, "", "ca-bundle", "--add", writeFile(t, "hello"), "--out", refused)
	if err == nil || !strings.Contains(err.Error(), "it holds no PEM certificate") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(refused); err == nil {
		t.Error("a file was written")
	}
}
