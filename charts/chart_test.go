// Package charts_test tests the Helm chart: its renderings against golden files, what must be true of each of them, its
// schema, and its behaviour on an API server.
//
// The tests shell out to helm (LIGHTERMAN_HELM, else PATH); those on an API server also need etcd and kube-apiserver
// in KUBEBUILDER_ASSETS. What is missing skips, unless LIGHTERMAN_E2E_REQUIRED=true.
package charts_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const (
	chart     = "lighterman"
	release   = "lighterman"
	namespace = "lighterman-system"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var kept [][]byte
			for _, document := range render(t, name) {
				// The CRDs are generated, long, and have a test of their own.
				if !bytes.Contains(document, []byte("\nkind: CustomResourceDefinition\n")) {
					kept = append(kept, document)
				}
			}
			compareFile(t, filepath.Join("testdata", name, "want.yaml"), bytes.Join(kept, []byte("\n---\n")))
		})
	}
}

func TestCRDs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(chart, "files", "crds", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]map[string]any)
	for _, file := range files {
		var crd map[string]any
		unmarshal(t, readFile(t, file), &crd)
		want[filepath.Base(file)] = crd
	}
	got := make(map[string]map[string]any)
	for _, document := range render(t, "default") {
		var crd map[string]any
		unmarshal(t, document, &crd)
		if crd["kind"] != "CustomResourceDefinition" {
			continue
		}
		metadata := crd["metadata"].(map[string]any)
		annotations := metadata["annotations"].(map[string]any)
		if annotations["helm.sh/resource-policy"] != "keep" {
			t.Errorf("%s would be deleted on uninstall, and all profiles with it", metadata["name"])
		}
		delete(annotations, "helm.sh/resource-policy")
		if metadata["labels"].(map[string]any)["app.kubernetes.io/managed-by"] != "Helm" {
			t.Errorf("%s has not the chart's labels: %v", metadata["name"], metadata["labels"])
		}
		delete(metadata, "labels")
		plural, group, _ := strings.Cut(metadata["name"].(string), ".")
		got[group+"_"+plural+".yaml"] = crd
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rendered CRDs (-generated +rendered):\n%s", diff)
	}
}

func TestLint(t *testing.T) {
	t.Parallel()
	for _, name := range cases(t) {
		if _, stderr, err := helm(t, "lint", "--strict", "--values", valuesFile(name), chart); err != nil {
			t.Errorf("%s: %v\n%s", name, err, stderr)
		}
	}
}

// cases returns the folders of testdata, each of which holds values.yaml and want.yaml.
func cases(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		names = append(names, entry.Name())
		files, err := os.ReadDir(filepath.Join("testdata", entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if file.Name() != "values.yaml" && file.Name() != "want.yaml" {
				t.Errorf("unknown file testdata/%s/%s", entry.Name(), file.Name())
			}
		}
	}
	return names
}

func valuesFile(name string) string { return filepath.Join("testdata", name, "values.yaml") }

var separator = regexp.MustCompile(`(?m)^---\n`)

// render returns the documents of a golden case's rendering.
func render(t *testing.T, name string) [][]byte {
	t.Helper()
	stdout, stderr, err := helm(t, "template", release, chart, "--namespace", namespace, "--values", valuesFile(name))
	if err != nil {
		t.Fatalf("render %s: %v\n%s", name, err, stderr)
	}
	var documents [][]byte
	for _, document := range separator.Split(stdout, -1) {
		if document = strings.TrimSpace(document); document != "" {
			documents = append(documents, []byte(document))
		}
	}
	return documents
}

func helm(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	binary := os.Getenv("LIGHTERMAN_HELM")
	if binary == "" {
		found, err := exec.LookPath("helm")
		if err != nil {
			missing(t, "helm is neither in LIGHTERMAN_HELM nor in PATH")
		}
		binary = found
	}
	var out, errOut bytes.Buffer
	command := exec.CommandContext(t.Context(), binary, args...)
	command.Stdout, command.Stderr = &out, &errOut
	// Neither a user's plug-ins nor a user's cluster may change what is tested.
	home := t.TempDir()
	command.Env = append(os.Environ(), "HELM_CONFIG_HOME="+home, "HELM_CACHE_HOME="+home, "HELM_DATA_HOME="+home, "HELM_NAMESPACE=", "KUBECONFIG=/dev/null")
	err = command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), err
}

// missing skips the test, or fails it where everything must run.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("LIGHTERMAN_E2E_REQUIRED") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// compareFile compares got with a golden file, or writes it when -update is given.
func compareFile(t *testing.T, file string, got []byte) {
	t.Helper()
	got = append(bytes.TrimSpace(got), '\n')
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(readFile(t, file)), string(got)); diff != "" {
		t.Errorf("%s differs; if that is meant, run the test with -update (-want +got):\n%s", file, diff)
	}
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func unmarshal(t *testing.T, document []byte, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(document, into); err != nil {
		t.Fatalf("parse: %v\n%s", err, document)
	}
}
