package webhook

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lighterman.dev/lighterman/injector"
)

// TestEveryReasonHasABasisAndARow fails for a reason without a row in denialBasis, which decides on the live look, and for
// one without a section in docs/denials.md.
func TestEveryReasonHasABasisAndARow(t *testing.T) {
	t.Parallel()
	docs, err := os.ReadFile(filepath.Join("..", "docs", "denials.md"))
	if err != nil {
		t.Fatal(err)
	}
	reasons := findReasons(t, filepath.Join("..", "injector"), ".", "resolve", "serviceaccounts")
	if len(reasons) < 14 {
		t.Fatalf("found only the reasons %v", reasons)
	}
	for _, reason := range reasons {
		if _, ok := denialBasis[injector.Reason(reason)]; !ok {
			t.Errorf("reason %s has no row in denialBasis: decide whether a denial for it follows from the pod alone", reason)
		}
		if !strings.Contains(string(docs), "\n### "+reason+"\n") {
			t.Errorf("reason %s has no section in docs/denials.md", reason)
		}
	}
	if len(denialBasis) != len(reasons) {
		t.Errorf("denialBasis has %d rows for %d reasons", len(denialBasis), len(reasons))
	}
}

// TestReasonWithoutARowIsDecidedLive: the safe default is to look once more.
func TestReasonWithoutARowIsDecidedLive(t *testing.T) {
	t.Parallel()
	if !shouldRetryLive(injector.Deny("SomethingNew", "x")) {
		t.Error("a reason without a row gets no live look")
	}
}

// TestReasonsAreFound holds findReasons to each way in which Go can write a reason.
func TestReasonsAreFound(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := `package p
const (
	ReasonA Reason = "A"
	ReasonB = Reason("B")
	ReasonC = "C"
	reasonD, other = Reason("D"), "x"
)
func f() error {
	_ = DeniedError{Reason: "E"}
	_ = injector.Reason("F")
	return errors.Join(injector.Deny("G", "x"), Deny(ReasonA, "y"))
}
`
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := findReasons(t, dir), []string{"A", "B", "C", "D", "E", "F", "G"}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

// findReasons returns the texts that the packages in dirs use as a Reason, sorted: as a constant, by a conversion, or as
// the literal of a denial.
func findReasons(t *testing.T, dirs ...string) []string {
	t.Helper()
	found := map[string]bool{}
	add := func(e ast.Expr) {
		if literal, ok := e.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			found[text] = true
		}
	}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(dir, err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool { addReasons(n, add); return true })
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// addReasons adds the texts of a node that are used as a Reason.
func addReasons(n ast.Node, add func(ast.Expr)) {
	switch n := n.(type) {
	case *ast.ValueSpec:
		for i, value := range n.Values {
			if nameOf(n.Type) == "Reason" || strings.HasPrefix(n.Names[i].Name, "Reason") {
				add(value)
			}
		}
	case *ast.CallExpr:
		if name := nameOf(n.Fun); (name == "Reason" || name == "Deny") && len(n.Args) > 0 {
			add(n.Args[0])
		}
	case *ast.CompositeLit:
		for _, element := range n.Elts {
			if pair, ok := element.(*ast.KeyValueExpr); ok && nameOf(n.Type) == "DeniedError" && nameOf(pair.Key) == "Reason" {
				add(pair.Value)
			}
		}
	}
}

// nameOf returns the last name of an expression.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
