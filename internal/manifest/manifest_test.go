package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/jsonsubset"
	"lighterman.dev/lighterman/profile"
)

var testProfile = func() *profile.Profile {
	prof, err := profile.Parse([]byte(`
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: pg, namespace: payments}
spec:
  s3: {bucket: pg, region: eu-west-1, auth: {webIdentity: {roleARN: "arn:aws:iam::111122223333:role/x"}}}
  caBundle: {mode: Append, configMap: {name: ca}}
`))
	if err != nil {
		panic(err)
	}
	return prof
}()

func TestSplit(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                    {"", []string{""}},
		"no mark":                    {"a: b\nc: d", []string{"a: b\nc: d"}},
		"a mark at the start":        {"---\na: b\n", []string{"---\na: b\n"}},
		"marks without content":      {"---\n---\n---", []string{"---\n", "---\n", "---"}},
		"content behind the mark":    {"a: b\n--- {c: d}\n---\te\n", []string{"a: b\n", "--- {c: d}\n", "---\te\n"}},
		"Windows' ends of lines":     {"a: b\r\n---\r\nc: d\r\n", []string{"a: b\r\n", "---\r\nc: d\r\n"}},
		"what only looks like marks": {"---a\n----\n ---\nx: ---\n", []string{"---a\n----\n ---\nx: ---\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, part := range splitDocuments([]byte(test.text)) {
				got = append(got, string(part))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHeader(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"nothing":                       {"a: b\n# c\n", ""},
		"mark, comments and blank":      {"--- # x\n\n  # y\na: b\n", "--- # x\n\n  # y\n"},
		"content behind the mark":       {"# x\n--- {a: b}\n", "# x\n---\n"},
		"a carriage return ends a line": {"# x\r\n# y\rkind: Pod\n", "# x\r\n"},
		"so does a separator":           {"# x\u2028kind: Pod\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := splitHeader([]byte(test.text)); string(got) != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// FuzzManifest proves that nothing of a manifest is lost: not a byte where nothing is injected, and not a field where
// something is; and that what is written can be read again, and has everything already.
func FuzzManifest(f *testing.F) {
	for _, pattern := range []string{"../cli/lightermancmd/testdata/inject/*/*.yaml", "../../examples/*/workload.yaml", "../../examples/*/operator.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal(pattern, err, len(files))
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	pod := "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: b, args: [1_000, 0x10, 1e3, .5, ~, on, 2001-01-01, '1:20']}]}\n"
	for _, other := range []string{"...\n---\n", "...\n", "# a\rb: c\n", "--- !!map\n", "\ufeff", "%YAML 1.1\n---\n", "--- >\n text\n", "&a ", "? a\n: b\n"} {
		f.Add([]byte(other + pod))
		f.Add([]byte(pod + other + pod))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if joined := bytes.Join(splitDocuments(text), nil); !bytes.Equal(joined, text) {
			t.Fatalf("split loses something: %q", joined)
		}
		documents, err := Parse(text)
		if err != nil {
			return
		}
		if written := write(t, documents); !bytes.Equal(written, text) {
			t.Fatalf("nothing is injected, and yet this is written: %q", written)
		}
		var want []any
		for _, document := range documents {
			for _, object := range document.Objects {
				want = append(want, decode(t, inject(t, object)))
				if bytes.Contains(object.JSON, []byte(injector.AnnotationInjected)) {
					continue // What was injected before is replaced.
				}
				if lost := jsonsubset.Lost(decode(t, object.JSON), want[len(want)-1]); lost != "" {
					t.Errorf("%s: lost: %s", object, lost)
				}
			}
		}
		written := write(t, documents)
		again, err := Parse(written)
		if err != nil {
			t.Fatalf("what is written cannot be read: %v:\n%s", err, written)
		}
		var got []any
		for _, document := range again {
			for _, object := range document.Objects {
				got = append(got, decode(t, inject(t, object)))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what was made, and what is read of it and injected again (-made +read):\n%s\n%s", diff, written)
		}
		if twice := write(t, again); !bytes.Equal(twice, written) {
			t.Errorf("a second pass changes something:\n%s", cmp.Diff(string(written), string(twice)))
		}
	})
}

// inject returns the object with its pod injected. A pod that is denied stays as it is.
func inject(t *testing.T, object *Object) []byte {
	t.Helper()
	if object.Pod == nil {
		return object.JSON
	}
	result, err := injector.Inject(object.Pod, testProfile, injector.Settings{Version: "v0", Image: "lighterman"})
	if _, denied := errors.AsType[*injector.DeniedError](err); denied {
		return object.JSON
	}
	if err != nil {
		t.Fatal(err)
	}
	injected, err := object.Inject(result.Operations)
	if err != nil {
		t.Fatal(err)
	}
	return injected
}

func write(t *testing.T, documents []*Document) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, document := range documents {
		err := document.Write(&out)
		if err != nil && strings.Contains(err.Error(), "control characters are not allowed") {
			t.Skip("YAML cannot express it, and the error tells the user:", err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func decode(t *testing.T, raw []byte) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
