package exitcode_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// TestDocumented finds each exit code in the table of docs/commands.md.
func TestDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), "exitcode.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		found++
		if code := spec.Values[0].(*ast.BasicLit).Value; !strings.Contains(string(page), "\n| "+code+" |") {
			t.Errorf("docs/commands.md has no row for exit code %s, %s", code, spec.Names[0])
		}
		return false
	})
	if found == 0 {
		t.Error("exitcode.go has no codes")
	}
}
