package sidecar_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestGoroutinesDoNotTouchTheLoop reads the package's source: the functions that it starts in goroutines use no *loop
// but the one that a posted function is given. The type alone does not hold them to that, for they may capture it.
func TestGoroutinesDoNotTouchTheLoop(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	goroutines := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv != nil && takesLoop(n.Recv) && n.Recv.List[0].Names[0].Name != "l" {
					t.Errorf("%s: name the receiver l, so that this test knows it", set.Position(n.Pos()))
				}
			case *ast.GoStmt:
				goroutines++
				noLoop(t, set, n.Call)
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Go" {
					goroutines++
					noLoop(t, set, n.Args[0])
				}
			}
			return true
		})
	}
	if goroutines < 5 {
		t.Errorf("only %d goroutines were found", goroutines)
	}
}

// takesLoop reports whether one of the parameters is a *loop.
func takesLoop(fields *ast.FieldList) bool {
	for _, field := range fields.List {
		if star, ok := field.Type.(*ast.StarExpr); ok {
			if name, ok := star.X.(*ast.Ident); ok && name.Name == "loop" {
				return true
			}
		}
	}
	return false
}

// noLoop reports each l that is not the parameter of a function literal.
func noLoop(t *testing.T, set *token.FileSet, n ast.Node) {
	t.Helper()
	ast.Inspect(n, func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncLit); ok && takesLoop(f.Type.Params) {
			return false
		}
		if name, ok := n.(*ast.Ident); ok && name.Name == "l" {
			t.Errorf("%s: the loop's state is used outside the loop: post a function", set.Position(name.Pos()))
		}
		return true
	})
}
