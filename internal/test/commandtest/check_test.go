package commandtest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/internal/test/commandtest"
)

// TestProblems forgets each step of the recipe once.
func TestProblems(t *testing.T) {
	t.Parallel()
	const (
		page  = "| `tool copy` | Copy a file | [files](files.md) |\n"
		code  = "func newCommand() {\n\treturn newRoot(newCopyCommand())\n}\n\nfunc newCopyCommand() {}\n"
		tests = `run(t, "copy")`
	)
	for name, test := range map[string]struct {
		change            func(*cobra.Command)
		page, code, tests string
		want              []string
	}{
		"nothing":                  {nil, page, code, tests, nil},
		"the imperative":           {func(c *cobra.Command) { c.Short = "Copies a file" }, strings.Replace(page, "Copy a", "Copies a", 1), code, tests, []string{`step 1: the Short of "tool copy"`}},
		"the verb":                 {func(c *cobra.Command) { c.Short = "" }, page + "| `tool copy` |  |", code, tests, []string{`step 1: the Short of "tool copy" is ""`}},
		"the description":          {func(c *cobra.Command) { c.Long = "" }, page, code, tests, []string{`step 1: "tool copy" has no Long`}},
		"an example":               {func(c *cobra.Command) { c.Example = "" }, page, code, tests, []string{`step 1: "tool copy" has no Example`}},
		"an example of it":         {func(c *cobra.Command) { c.Example = "tool move" }, page, code, tests, []string{`step 1: "tool copy" has no Example`}},
		"the help of a flag":       {func(c *cobra.Command) { c.Flags().String("to", "", "") }, page, code, tests, []string{"step 1: flag --to"}},
		"to add it to the program": {nil, page, code + "func newMoveCommand() {}\n", tests, []string{"step 2: newMoveCommand is declared but tool has no such command"}},
		"the documentation":        {nil, "", code, tests, []string{"step 3: docs/commands.md lacks the row | `tool copy` | Copy a file |"}},
		"the test":                 {nil, page, code, "", []string{`step 4: no test runs "tool copy"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := &cobra.Command{Use: "tool", Short: "Handle files", Long: "Handle files."}
			c := &cobra.Command{Use: "copy FILE", Short: "Copy a file", Long: "Copy a file.", Example: "tool copy x", Run: func(*cobra.Command, []string) {}}
			if test.change != nil {
				test.change(c)
			}
			root.AddCommand(c)
			got := commandtest.Problems(root, test.page, test.code, test.tests)
			if !slices.EqualFunc(got, test.want, strings.Contains) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
