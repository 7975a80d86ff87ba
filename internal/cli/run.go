package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/internal/exitcode"
)

// ExitError is an error with an exit code other than exitcode.Failed.
type ExitError struct {
	Code int
	// Err is what is printed; nil: nothing, because the code alone is the result.
	Err error
}

// Error returns the message of the error.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

// Unwrap returns the error without its exit code.
func (e *ExitError) Unwrap() error { return e.Err }

// NewRoot returns the root command of a program, with the commands below it.
func NewRoot(name, version, short, long string, commands ...*cobra.Command) *cobra.Command {
	root := &cobra.Command{Use: name, Version: version, Short: short, Long: long, SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(commands...)
	return root
}

// Run executes the command that the process's arguments name, prints its error as explain words it, and returns the exit
// code of the process.
func Run(ctx context.Context, root *cobra.Command, explain func(error) string) int {
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	code := exitcode.Failed
	if exit, ok := errors.AsType[*ExitError](err); ok {
		code = exit.Code
	}
	if text := explain(err); text != "" {
		root.PrintErrf("%s: %s\n", root.Name(), text)
	}
	return code
}

// UntilSignal returns a context that the first SIGINT or SIGTERM cancels. The second one ends the process at once.
func UntilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// RequireFlags marks flags of the command as required. It panics if the command does not define one of them.
func RequireFlags(cmd *cobra.Command, names ...string) {
	for _, name := range names {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err)
		}
	}
}
