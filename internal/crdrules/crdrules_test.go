package crdrules_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/internal/crdrules"
)

const profiles = "../../e2e/testdata/profiles"

// check returns the problems of a profile in YAML.
func check(t *testing.T, text []byte) field.ErrorList {
	t.Helper()
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	var head struct{ APIVersion, Kind string }
	if err := json.Unmarshal(data, &head); err != nil {
		t.Fatal(err)
	}
	rules, err := crdrules.ForKind(head.APIVersion, head.Kind)
	if err != nil || rules == nil {
		t.Fatal(rules, err)
	}
	problems, err := rules.Check(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	return problems
}

// TestProfiles expects of each profile of the end-to-end tests the verdict that an API server gives there: TestProfileValidation
// compares the two. This test needs no API server.
func TestProfiles(t *testing.T) {
	for _, dir := range []string{"valid", "invalid"} {
		files, err := filepath.Glob(filepath.Join(profiles, dir, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatal(err, len(files))
		}
		for _, file := range files {
			t.Run(dir+"/"+filepath.Base(file), func(t *testing.T) {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for document := range bytes.SplitSeq(text, []byte("\n---\n")) {
					problems := check(t, document)
					if dir == "valid" && len(problems) > 0 {
						t.Errorf("refused: %v", problems)
					}
					for line := range strings.Lines(string(document)) {
						if want, ok := strings.CutPrefix(line, "# want: "); ok && !mentions(problems, strings.TrimSpace(want)) {
							t.Errorf("nothing says: %sin %v", want, problems)
						}
					}
					if dir == "invalid" && len(problems) == 0 {
						t.Error("accepted")
					}
				}
			})
		}
	}
}

// mentions reports whether one of the problems is about the field of want and has its message.
func mentions(problems field.ErrorList, want string) bool {
	path, message, _ := strings.Cut(want, ": ")
	for _, problem := range problems {
		if problem.Field == path && strings.Contains(problem.ErrorBody(), message) {
			return true
		}
	}
	return false
}

// TestCheck has what no file of profiles shows: what a command or the API server adds, drops or completes.
func TestCheck(t *testing.T) {
	const spec = "spec: {s3: {bucket: backups, region: eu-west-1, auth: {ambient: {}}}}\n"
	const head = "apiVersion: lighterman.dev/v1alpha1\nkind: CredentialProfile\n"
	tests := map[string]struct{ text, want string }{
		"as kubectl prints it": {head + "metadata: {name: pg, namespace: a, uid: u, creationTimestamp: null, managedFields: []}\n" + spec +
			"status: {store: 's3://backups', left: over}\n", ""},
		"no namespace":         {head + "metadata: {name: pg}\n" + spec, ""},
		"a generated name":     {head + "metadata: {generateName: pg-}\n" + spec, ""},
		"no name":              {head + "metadata: {}\n" + spec, "metadata.name: Required value"},
		"no metadata":          {head + spec, "metadata.name: Required value"},
		"a misspelt key":       {head + "metadata: {name: pg, lables: {}}\n" + spec, "metadata.lables: Forbidden: unknown field"},
		"a null":               {head + "metadata: {name: pg}\n" + strings.Replace(spec, "region", "prefix: null, region", 1), ""},
		"another type":         {head + "metadata: {name: pg}\n" + strings.Replace(spec, "eu-west-1", "1", 1), "spec.s3.region: Invalid value: \"integer\""},
		"rules that must wait": {head + "metadata: {name: pg}\n" + strings.Replace(spec, ", auth: {ambient: {}}", ", prefix: /x", 1), "further rules were not checked"},
		"a cluster's kind": {
			strings.Replace(head, "kind: ", "kind: Cluster", 1) + "metadata: {name: pg, namespace: a}\n" + spec,
			"metadata.namespace: Forbidden",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := crdrules.Err("it", check(t, []byte(test.text)))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestForKind(t *testing.T) {
	for _, kind := range [][2]string{{"v1", "Pod"}, {"lighterman.dev/v1", "CredentialProfile"}, {"lighterman.dev/v1alpha1", "Profile"}} {
		if rules, err := crdrules.ForKind(kind[0], kind[1]); rules != nil || err != nil {
			t.Errorf("%v: got %v, %v", kind, rules, err)
		}
	}
}
