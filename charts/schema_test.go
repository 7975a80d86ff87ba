package charts_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestSchemaRejects(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		inValues string
		want     string
	}{
		"an unknown value":                     {`replica: 2`, "additional properties 'replica' not allowed"},
		"an unknown nested value":              {`image: {repo: x}`, "at '/image': additional properties 'repo' not allowed"},
		"the CRD value of other charts":        {`installCRDs: true`, "additional properties 'installCRDs' not allowed"},
		"an unknown certificate mode":          {`certs: {mode: cert-manager}`, "at '/certs/mode': value must be one of 'embedded', 'files'"},
		"files without the Secret":             {`certs: {mode: files, caBundle: "-----BEGIN CERTIFICATE-----"}`, "at '/certs/tlsSecretName': minLength: got 0, want 1"},
		"files without the CA":                 {`certs: {mode: files, tlsSecretName: tls}`, "at '/certs/caBundle'"},
		"files with a CA in base64":            {`certs: {mode: files, tlsSecretName: tls, caBundle: LS0tLS1CRUdJTg==}`, "at '/certs/caBundle'"},
		"no replica":                           {`replicas: 0`, "at '/replicas': minimum: got 0, want 1"},
		"replicas as text":                     {`replicas: "2"`, "at '/replicas': got string, want integer"},
		"a duration without a unit":            {`certs: {caDuration: "8760"}`, "at '/certs/caDuration'"},
		"root":                                 {`runAsUser: 0`, "at '/runAsUser': minimum: got 0, want 1"},
		"a port out of range":                  {`webhook: {port: 70000}`, "at '/webhook/port': maximum: got 70,000, want 65,535"},
		"a failure policy":                     {`webhook: {failurePolicy: Ignore}`, "at '/webhook': additional properties 'failurePolicy' not allowed"},
		"an unknown log level":                 {`log: {level: trace}`, "at '/log/level': value must be one of 'debug', 'info', 'warn', 'error'"},
		"a digest in the tag":                  {`image: {tag: "sha256:00"}`, "at '/image/tag'"},
		"a short digest":                       {`image: {digest: "sha256:00"}`, "at '/image/digest'"},
		"a ServiceMonitor without its Service": {`metrics: {service: {enabled: false}, serviceMonitor: {enabled: true}}`, "at '/metrics/service/enabled'"},
		"a client CA of any certificate":       {`callers: {certificate: {configMap: ca}}`, "at '/callers/certificate/allowedNames': minItems: got 0, want 1"},
		"names of no client CA":                {`callers: {certificate: {allowedNames: [a]}}`, "at '/callers/certificate/allowedNames': maxItems: got 1, want 0"},
		"a client CA that is none":             {`callers: {certificate: {ca: abc, allowedNames: [a]}}`, "at '/callers/certificate/ca'"},
		"a token's subject that is none":       {`callers: {token: {required: true, subjects: [admin]}}`, "at '/callers/token/subjects/0'"},
		"paths that the program makes":         {`webhook: {paths: [2f7d6f5be5c1b6f1a4f0c1a5d1f3c0a9]}`, "at '/webhook/paths': maxItems: got 1, want 0"},
		"a path that can be guessed":           {`webhook: {paths: [secret]}`, "at '/webhook/paths/0'"},
		"read-only that writes annotations":    {`readOnly: true`, "at '/serviceAccountAnnotations/enabled': value must be false"},
		"certs under an account of no name":    {`certs: {serviceAccount: {create: false}}`, "at '/certs/serviceAccount/name': minLength: got 0, want 1"},
		"a ServiceAccount of no name":          {`serviceAccount: {create: false}`, "at '/serviceAccount/name': minLength: got 0, want 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(file, []byte(test.inValues), 0o600); err != nil {
				t.Fatal(err)
			}
			_, stderr, err := helm(t, "template", release, chart, "--namespace", namespace, "--values", file)
			if err == nil {
				t.Fatalf("%s was accepted", test.inValues)
			}
			if !strings.Contains(stderr, test.want) {
				t.Errorf("%s: the error does not say %q:\n%s", test.inValues, test.want, stderr)
			}
		})
	}
}

type property struct {
	Ref                  string              `json:"$ref"`
	Type                 any                 `json:"type"`
	Description          string              `json:"description"`
	Properties           map[string]property `json:"properties"`
	AdditionalProperties any                 `json:"additionalProperties"`
}

// TestValuesAreDocumented checks that schema and values.yaml have the same keys, that every object is closed, and that
// the README's table is up to date.
func TestValuesAreDocumented(t *testing.T) {
	t.Parallel()
	var schema property
	if err := json.Unmarshal(readFile(t, filepath.Join(chart, "values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.UnmarshalStrict(readFile(t, filepath.Join(chart, "values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	rows := []string{"| value | default | meaning |", "|---|---|---|"}
	rows = append(rows, tableRows(t, "", schema, values)...)

	const begin, end = "<!-- values: written by go test ./charts -update -->\n", "<!-- end of values -->"
	file := filepath.Join(chart, "README.md")
	before, rest, ok := bytes.Cut(readFile(t, file), []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("%s lacks the marks around the table of values", file)
	}
	compareFile(t, file, slices.Concat(before, []byte(begin), []byte(strings.Join(rows, "\n")+"\n"), []byte(end), after))
}

func tableRows(t *testing.T, path string, schema property, values map[string]any) []string {
	t.Helper()
	if schema.AdditionalProperties != false {
		t.Errorf("schema of %q: additionalProperties is not false", path)
	}
	for key := range values {
		if _, ok := schema.Properties[key]; !ok {
			t.Errorf("%s%s is in values.yaml and not in the schema", path, key)
		}
	}
	var rows []string
	for _, key := range slices.Sorted(maps.Keys(schema.Properties)) {
		child := schema.Properties[key]
		value, ok := values[key]
		if !ok {
			t.Errorf("%s%s is in the schema and not in values.yaml", path, key)
			continue
		}
		if child.Properties != nil {
			rows = append(rows, tableRows(t, path+key+".", child, value.(map[string]any))...)
			continue
		}
		if child.Description == "" {
			t.Errorf("%s%s has no description", path, key)
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, fmt.Sprintf("| `%s%s` | `%s` | %s |", path, key, text, child.Description))
	}
	return rows
}
