package injector_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gomodules.xyz/jsonpatch/v2"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
)

// touched are the members of a pod that Inject may replace, as the package's comment lists them.
var touched = map[string]*regexp.Regexp{
	"an empty variable gets a value":       regexp.MustCompile(`^/spec/(initContainers|containers)/\d+/env/\d+/value$`),
	"Wrap replaces the command":            regexp.MustCompile(`^/spec/containers/\d+/command$`),
	"the uploader raises the grace period": regexp.MustCompile(`^/spec/terminationGracePeriodSeconds$`),
}

// TestReplacesNothingElse runs every golden case whose pod was not injected before, and looks for operations that replace
// what the pod has. Each kind of them must be seen, so that the list stays true.
func TestReplacesNothingElse(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, dir := range goldenCases(t) {
		pod, result := injectCase(t, dir)
		for _, op := range result.Operations {
			if op.Operation != "add" {
				t.Errorf("%s: operation %s %s", dir, op.Operation, op.Path)
			}
			if !hasMember(pod, op.Path) {
				continue
			}
			kind := kindOf(op)
			if kind == "" {
				t.Errorf("%s: %s is replaced", dir, op.Path)
			}
			seen[kind] = true
		}
	}
	for kind := range touched {
		if !seen[kind] {
			t.Errorf("no golden case shows that %s", kind)
		}
	}
}

func kindOf(op jsonpatch.Operation) string {
	for kind, path := range touched {
		if path.MatchString(op.Path) {
			return kind
		}
	}
	return ""
}

func goldenCases(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("testdata/*/pod.yaml")
	if err != nil || len(dirs) == 0 {
		t.Fatal(err, len(dirs))
	}
	for i := range dirs {
		dirs[i] = filepath.Dir(dirs[i])
	}
	return dirs
}

// injectCase returns the pod of a golden case and what it is given; no operations for one that is denied.
func injectCase(t *testing.T, dir string) (any, injector.Result) {
	t.Helper()
	raw, err := yaml.YAMLToJSON(read(t, dir, "pod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	prof, err := profile.Parse(read(t, dir, "profile.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	settings := settings
	if text, err := os.ReadFile(filepath.Join(dir, "settings.yaml")); err == nil {
		if err := yaml.UnmarshalStrict(text, &settings); err != nil {
			t.Fatal(err)
		}
	}
	pod := parse(t, raw)
	if _, again := pod.Metadata.Annotations[injector.AnnotationInjected]; again {
		return nil, injector.Result{}
	}
	result, err := injector.Inject(pod, prof, settings)
	if _, denied := errors.AsType[*injector.DeniedError](err); err != nil && !denied {
		t.Fatal(err)
	}
	return podtest.Decode(t, raw), result
}

// hasMember reports whether the last part of a JSON path is a member that an object has. An item of a list is no member,
// for an "add" moves it; an empty list is none, for it holds nothing.
func hasMember(doc any, path string) bool {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, part := range parts {
		switch at := doc.(type) {
		case map[string]any:
			value, has := at[strings.ReplaceAll(part, "~1", "/")]
			if !has || i == len(parts)-1 {
				list, isList := value.([]any)
				return has && value != nil && (!isList || len(list) > 0)
			}
			doc = value
		case []any:
			index, err := strconv.Atoi(part)
			if err != nil || index >= len(at) {
				return false
			}
			doc = at[index]
		}
	}
	return false
}
