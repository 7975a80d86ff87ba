package commandtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// recipe is what a failure refers to.
const recipe = `CONTRIBUTING.md, "How to add a command", step %d: `

// Page is where users find every command, relative to the root of the repository.
const Page = "docs/commands.md"

// Check checks the commands of a program. root is the repository's root. It is called from the package that defines the
// commands, whose files are in the working directory.
func Check(t *testing.T, program *cobra.Command, root string) {
	t.Helper()
	page := readFile(t, filepath.Join(root, Page))
	code, tests := readPackage(t)
	for _, problem := range Problems(program, page, code, tests) {
		t.Error(problem)
	}
}

// constructor matches the declaration of a function that returns a command.
var constructor = regexp.MustCompile(`(?m)^func (new\w+Command)\(`)

// Problems returns a sentence for each step that was forgotten. code is the text of the program's package, tests that of
// its tests.
func Problems(program *cobra.Command, page, code, tests string) []string {
	var problems []string
	report := func(step int, format string, args ...any) {
		problems = append(problems, fmt.Sprintf(recipe+format, append([]any{step}, args...)...))
	}
	for _, match := range constructor.FindAllStringSubmatch(code, -1) {
		if strings.Count(code, match[1]+"(") < 2 {
			report(2, "%s is declared but %s has no such command: call it in root.go", match[1], program.Name())
		}
	}
	for _, c := range append([]*cobra.Command{program}, program.Commands()...) {
		if !isImperative(c.Short) {
			report(1, "the Short of %q is %q: begin with a verb in the imperative, end without a full stop", c.CommandPath(), c.Short)
		}
		if c.Long == "" {
			report(1, "%q has no Long", c.CommandPath())
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				report(1, "flag --%s of %q has no help", f.Name, c.CommandPath())
			}
		})
		if c == program {
			continue
		}
		if !strings.Contains(c.Example, c.CommandPath()) && !strings.Contains(c.Example, "/"+c.CommandPath()) {
			report(1, "%q has no Example that runs it", c.CommandPath())
		}
		if row := fmt.Sprintf("| `%s` | %s |", c.CommandPath(), c.Short); !strings.Contains(page, row) {
			report(3, "%s lacks the row %s", Page, row)
		}
		if !strings.Contains(tests, `"`+c.Name()+`"`) {
			report(4, "no test runs %q", c.CommandPath())
		}
	}
	return problems
}

// isImperative reports whether a text begins like "Serve the webhook", and not like "Serves", "Serving" or "the server".
func isImperative(text string) bool {
	verb, _, _ := strings.Cut(text, " ")
	third := strings.HasSuffix(verb, "s") && !strings.HasSuffix(verb, "ss")
	return regexp.MustCompile(`^[A-Z][a-z]+$`).MatchString(verb) && !third && !strings.HasSuffix(verb, "ing") &&
		verb != "The" && verb != "To" && verb != "A" && !strings.HasSuffix(text, ".")
}

// readPackage returns the text of the package in the working directory, and that of its tests.
func readPackage(t *testing.T) (code, tests string) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) == 0 {
		t.Fatal("the working directory has no package: ", err)
	}
	for _, name := range names {
		if text := readFile(t, name); strings.HasSuffix(name, "_test.go") {
			tests += text
		} else {
			code += text
		}
	}
	return code, tests
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
