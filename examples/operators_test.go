package examples_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lighterman.dev/lighterman/webhook/resolve"
)

// operatorRow is a row of the table in docs/operators.md.
type operatorRow struct{ name, reachedBy, works, example string }

var (
	tableRow = regexp.MustCompile(`(?m)^\| \[([^\]]+)\]\(#[^)]+\)[^|]* \| ([^|]+) \| ([^|]+) \| \[([^\]]+)\]\(\.\./examples/([^)]+)\) \|$`)
	// keptOwn is the warning of a container that does not get the profile's identity.
	keptOwn = "so Lighterman does not inject the credentials of"
)

func operatorRows(t *testing.T) []operatorRow {
	t.Helper()
	var rows []operatorRow
	page := string(read(t, "../docs/operators.md"))
	for _, m := range tableRow.FindAllStringSubmatch(page, -1) {
		system, _, _ := strings.Cut(m[4], "/")
		if m[5] != system+"/README.md" {
			t.Errorf("%s: the example %s is linked to %s", m[1], m[4], m[5])
		}
		rows = append(rows, operatorRow{name: m[1], reachedBy: m[2], works: m[3], example: m[4]})
	}
	if lines := strings.Count(page, "\n| ["); len(rows) == 0 || len(rows) != lines {
		t.Fatalf("%d of %d rows have the shape of the others", len(rows), lines)
	}
	return rows
}

// TestOperatorsPage compares the table of docs/operators.md with the examples: an operator that is said to work has an example whose pods get
// the identity, by the way that the table says; one that is said not to work has an example in which it is kept out.
func TestOperatorsPage(t *testing.T) {
	var listed []string
	for _, row := range operatorRows(t) {
		t.Run(row.name, func(t *testing.T) { checkOperator(t, row) })
		system, _, _ := strings.Cut(row.example, "/")
		listed = append(listed, system)
	}
	for system := range systems {
		has, err := filepath.Glob(filepath.Join(system, "operator.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		nested, err := filepath.Glob(filepath.Join(system, "*", "operator.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if len(has)+len(nested) > 0 && !slices.Contains(listed, system) {
			t.Errorf("docs/operators.md has no row with the example %s, which has an operator.yaml", system)
		}
	}
}

func checkOperator(t *testing.T, row operatorRow) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(row.example, "profile.yaml")); err != nil {
		t.Fatalf("no such example: %v", err)
	}
	e := load(t, row.example)
	isKept := false
	for _, p := range e.pods {
		warnings := e.inject(t, p).warnings // It fails the test where the pod is denied.
		isKept = isKept || slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, keptOwn) })
	}
	switch row.works {
	case "yes", "partly":
		if isKept {
			t.Errorf("the table says %q, and a container keeps an identity of its own", row.works)
		}
	case "no":
		if !isKept {
			t.Error(`the table says "no", and nothing keeps the identity out`)
		}
	default:
		t.Errorf("the table says %q: write yes, partly or no", row.works)
	}
	checkReached(t, row, e)
}

// checkReached fails the test unless the profile comes to the pods as the table says: by a selector, or by an annotation that the operator's own
// resource has too.
func checkReached(t *testing.T, row operatorRow, e *example) {
	t.Helper()
	if bySelector := e.profile.Spec.Selector != nil; bySelector != strings.HasPrefix(row.reachedBy, "selector") {
		t.Errorf("the table says %q, and the profile has a selector: %t", row.reachedBy, bySelector)
		return
	}
	for _, p := range e.pods {
		ref, err := resolve.RefFrom(p.parsed.Metadata.Annotations, "the pod")
		if err != nil {
			t.Fatal(err)
		}
		if e.profile.Spec.Selector != nil || ref.Name != e.profile.Name {
			continue
		}
		text := ""
		for _, dir := range []string{row.example, filepath.Dir(row.example)} {
			if there, err := os.ReadFile(filepath.Join(dir, "operator.yaml")); err == nil {
				text += string(there)
			}
		}
		if text != "" && !strings.Contains(text, "lighterman.dev/profile: "+ref.Name) {
			t.Errorf("operator.yaml has no lighterman.dev/profile: %s, which the pods have", ref.Name)
		}
	}
}
