package e2e_test

import (
	"bytes"
	stdcmp "cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/crdrules"
	"lighterman.dev/lighterman/profile"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/e2e/harness/cluster"
)

const (
	profilesDir  = "testdata/profiles"
	defaultsFile = profilesDir + "/defaults.yaml"
)

// TestProfileValidation sends every profile of testdata/profiles to the API server: valid ones are accepted, and invalid
// ones are refused with a message that names the field and says what to do.
func TestProfileValidation(t *testing.T) {
	api := newProfileAPI(t, cluster.ForTest(t))
	rules := rulesOf(t, api.schemas)
	t.Run("valid", func(t *testing.T) {
		want, seen, values := readDefaults(t), map[string]bool{}, enumsOf(t, api.schemas)
		for _, file := range manifests(t, "valid") {
			t.Run(file.name, func(t *testing.T) {
				for _, profile := range file.documents {
					walkLeaves("spec", profile["spec"], func(path string, value any) {
						delete(values, unindexed(path)+"="+asJSON(t, value))
					})
					for path, value := range api.checkValid(t, profile) {
						seen[path] = true
						if diff := cmp.Diff(want[path], value); diff != "" {
							t.Errorf("default of %s (-%s +API server):\n%s", path, defaultsFile, diff)
						}
					}
				}
			})
		}
		for path := range want {
			if !seen[path] {
				t.Errorf("no valid profile shows the default of %s", path)
			}
		}
		for _, value := range slices.Sorted(maps.Keys(values)) {
			t.Errorf("no valid profile has %s", value)
		}
	})
	t.Run("invalid", func(t *testing.T) {
		for _, file := range manifests(t, "invalid") {
			t.Run(file.name, func(t *testing.T) {
				api.checkInvalid(t, file.documents[0], file.comments["want"], rules)
			})
		}
		for _, r := range rules {
			if !r.seen {
				t.Errorf("no invalid profile breaks the rule: %s", r)
			}
		}
	})
}

// checkValid creates a profile, and checks that the injector makes the same of the manifest as of what the API server
// stores. It gives the defaults that were filled in.
func (api *profileAPI) checkValid(t *testing.T, profile map[string]any) map[string]any {
	t.Helper()
	stored, err := api.create(t.Context(), profile)
	if err != nil {
		t.Fatal(err)
	}
	if problems := offlineProblems(t, profile); len(problems) > 0 {
		t.Errorf("the API server accepts the profile, and without one it is refused: %v", problems)
	}
	added := map[string]any{}
	walkLeaves("spec", stored["spec"], func(path string, value any) { added[path] = value })
	walkLeaves("spec", profile["spec"], func(path string, _ any) { delete(added, path) })
	if diff := cmp.Diff(injected(t, profile), injected(t, stored)); diff != "" {
		t.Errorf("the injector assumes other defaults (-manifest +stored):\n%s", diff)
	}
	return added
}

// readDefaults gives the defaults that are promised to users.
func readDefaults(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile(defaultsFile)
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]any{}
	if err := yaml.UnmarshalStrict(text, &defaults); err != nil {
		t.Fatal(err)
	}
	for path, value := range defaults {
		if number, ok := value.(float64); ok { // The API server's answers hold integers.
			defaults[path] = int64(number)
		}
	}
	return defaults
}

// checkInvalid expects just the problems that the manifest lists, as "field: part of the message".
func (api *profileAPI) checkInvalid(t *testing.T, profile map[string]any, wants []string, rules []*rule) {
	t.Helper()
	_, err := api.create(t.Context(), profile)
	if err == nil {
		t.Fatal("the API server accepts the profile")
	}
	problems := problemsOf(t, err)
	if diff := cmp.Diff(sortProblems(problems), offlineProblems(t, profile), cmp.AllowUnexported(problem{})); diff != "" {
		t.Errorf("another verdict without an API server (-API server +offline):\n%s", diff)
	}
	for _, p := range problems {
		for _, r := range rules {
			r.see(p)
		}
	}
	for _, want := range wants {
		field, message, _ := strings.Cut(want, ": ")
		found := false
		for i, p := range problems {
			if p.field == field && strings.Contains(p.message, message) && message != "" {
				problems, found = append(problems[:i:i], problems[i+1:]...), true
				break
			}
		}
		if !found {
			t.Errorf("the API server does not say: %s", want)
		}
	}
	for _, p := range problems {
		t.Errorf("the API server also says:\n# want: %s: %s", p.field, p.message)
	}
}

// problem is one thing that the API server has against a profile.
type problem struct{ field, message string }

func problemsOf(t *testing.T, err error) []problem {
	t.Helper()
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		t.Fatalf("not an answer of the API server: %v", err)
	}
	if apierrors.IsBadRequest(err) { // A field that is not there.
		_, text, _ := strings.Cut(status.Status().Message, "strict decoding error: ")
		var problems []problem
		for one := range strings.SplitSeq(text, ", ") {
			message, field, _ := strings.Cut(one, " \"")
			problems = append(problems, problem{field: strings.TrimSuffix(field, "\""), message: message})
		}
		return problems
	}
	if !apierrors.IsInvalid(err) {
		t.Fatalf("the API server refuses the profile for another reason: %v", err)
	}
	var problems []problem
	for _, cause := range status.Status().Details.Causes {
		if strings.Contains(cause.Message, "some validation rules were not checked") {
			continue // It says so itself: the other problems come first.
		}
		problems = append(problems, problem{field: cause.Field, message: cause.Message})
	}
	return problems
}

// offlineProblems returns what is wrong with a profile by the rules that "lighterman inject" evaluates, sorted. Where the API server does
// not look further, as it stops at unknown fields, neither does this.
func offlineProblems(t *testing.T, profile map[string]any) []problem {
	t.Helper()
	kind, _ := profile["kind"].(string)
	rules, err := crdrules.ForKind("lighterman.dev/v1alpha1", kind)
	if err != nil || rules == nil {
		t.Fatalf("%q: %v", kind, err)
	}
	found, err := rules.Check(t.Context(), []byte(asJSON(t, profile)))
	if err != nil {
		t.Fatal(err)
	}
	var problems, unknown []problem
	for _, p := range found {
		switch {
		case p.Type == field.ErrorTypeForbidden && strings.HasPrefix(p.Detail, "unknown field"):
			unknown = append(unknown, problem{field: p.Field, message: "unknown field"})
		case !strings.Contains(p.Detail, "rules were not checked"):
			problems = append(problems, problem{field: p.Field, message: p.ErrorBody()})
		}
	}
	if len(unknown) > 0 {
		problems = unknown
	}
	return sortProblems(problems)
}

// sortProblems returns the problems in an order of their own: neither side promises one.
func sortProblems(problems []problem) []problem {
	return slices.SortedFunc(slices.Values(problems), func(a, b problem) int {
		return stdcmp.Or(strings.Compare(a.field, b.field), strings.Compare(a.message, b.message))
	})
}

// create creates a profile without keeping it, and gives it as it would be stored.
func (api *profileAPI) create(ctx context.Context, profile map[string]any) (map[string]any, error) {
	object := &unstructured.Unstructured{Object: profile}
	object = object.DeepCopy()
	kind := object.GetKind()
	object.SetAPIVersion(api.group + "/v1alpha1")
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	created, err := api.resource(kind).Create(ctx, object, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
	if err != nil {
		return nil, err
	}
	created.SetAPIVersion("lighterman.dev/v1alpha1")
	// The injected annotation names both.
	created.SetUID("")
	created.SetGeneration(0)
	created.SetNamespace(object.GetNamespace())
	return created.Object, nil
}

// injected tells what the injector makes of a profile, for a pod for which every field matters.
func injected(t *testing.T, prof map[string]any) string {
	t.Helper()
	parsed, err := profile.Parse([]byte(asJSON(t, prof)))
	if err != nil {
		t.Fatal(err)
	}
	pod, err := injector.ParsePod([]byte(`{"metadata": {"annotations": {"lighterman.dev/profile": "pg"}},
		"spec": {"initContainers": [{"name": "wait"}], "containers": [{"name": "dump"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	result, err := injector.Inject(pod, parsed, injector.Settings{Version: "v0", Image: "lighterman:test"})
	return fmt.Sprintf("%s\n%v\n%v", asJSON(t, result.Operations), result.Warnings, err)
}

// manifest is a file of profiles with the comments "# key: text" before them.
type manifest struct {
	name      string
	comments  map[string][]string
	documents []map[string]any
}

func manifests(t *testing.T, dir string) []manifest {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(profilesDir, dir, "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatal(err, len(paths))
	}
	all := make([]manifest, 0, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		m := manifest{name: strings.TrimSuffix(filepath.Base(path), ".yaml"), comments: map[string][]string{}}
		for line := range strings.Lines(string(text)) {
			if comment, ok := strings.CutPrefix(line, "# "); ok {
				key, value, _ := strings.Cut(strings.TrimSpace(comment), ": ")
				m.comments[key] = append(m.comments[key], value)
			}
		}
		for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
			object := map[string]any{}
			if err := yaml.UnmarshalStrict(document, &object); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			m.documents = append(m.documents, object)
		}
		all = append(all, m)
	}
	return all
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
