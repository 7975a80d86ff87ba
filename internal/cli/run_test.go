package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/internal/cli"
)

func TestRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args   []string
		err    error
		code   int
		stderr string
	}{
		"success":               {code: 0},
		"an error":              {err: errors.New("no store"), code: 1, stderr: "tool: NO STORE\n"},
		"an error with a code":  {err: fmt.Errorf("look: %w", &cli.ExitError{Code: 2, Err: errors.New("no pod")}), code: 2, stderr: "tool: LOOK: NO POD\n"},
		"a code alone":          {err: &cli.ExitError{Code: 137}, code: 137},
		"an unknown flag":       {args: []string{"--x"}, code: 1, stderr: "tool: UNKNOWN FLAG: --X\n"},
		"an unexpected operand": {args: []string{"x"}, code: 1, stderr: "tool: UNKNOWN COMMAND \"X\" FOR \"TOOL DO\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			do := &cobra.Command{Use: "do", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error { return test.err }}
			root := cli.NewRoot("tool", "v1", "Do it", "Do it.", do)
			var stderr bytes.Buffer
			root.SetErr(&stderr)
			root.SetArgs(append([]string{"do"}, test.args...))
			code := cli.Run(t.Context(), root, func(err error) string { return strings.ToUpper(err.Error()) })
			if code != test.code || stderr.String() != test.stderr {
				t.Errorf("got %d, %q; want %d, %q", code, stderr.String(), test.code, test.stderr)
			}
		})
	}
}
