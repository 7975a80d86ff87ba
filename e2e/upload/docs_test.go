package upload_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// documented are the faults of docs/uploader.md, in its order.
func documented(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/uploader.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## Fault by fault\n")
	_, table, ruled := strings.Cut(section, "|---|---|\n")
	if !found || !ruled {
		t.Fatal("docs/uploader.md has no table of faults")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var rows []string
	for line := range strings.Lines(table) {
		row, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		rows = append(rows, row)
	}
	return rows
}

// TestEachFaultIsTested compares the table that people read with the one that is tested.
func TestEachFaultIsTested(t *testing.T) {
	var rows []string
	for _, f := range faults {
		rows = append(rows, f.row)
		if len(f.cases)+len(f.elsewhere) == 0 {
			t.Errorf("%s: no test", f.row)
		}
		for _, name := range f.elsewhere {
			exists(t, name)
		}
	}
	if docs := documented(t); !slices.Equal(rows, docs) {
		t.Errorf("docs/uploader.md has the faults\n%s\nand the tests have\n%s", strings.Join(docs, "\n"), strings.Join(rows, "\n"))
	}
}

// exists looks for a test by its package's directory and its name.
func exists(t *testing.T, test string) {
	t.Helper()
	dir, name, _ := strings.Cut(test, " ")
	files, err := filepath.Glob(filepath.Join("../..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(t *testing.T) {\n") {
			return
		}
	}
	t.Errorf("there is no test %s in %s", name, dir)
}
