package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// The exit codes of both programs. "uploader exec" has more: see package session.
const (
	// ExitFailed is the exit code of a command that failed.
	ExitFailed = 1
	// ExitNoReport is the exit code of a doctor that could not examine anything.
	ExitNoReport = 2
)

// ExitError is an error with an exit code other than ExitFailed.
type ExitError struct {
	Code int
	// Err is what is printed; nil: nothing, because the code alone is the result.
	Err error
}

// Error returns the message of the error.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
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
	code := ExitFailed
	if exit, ok := errors.AsType[*ExitError](err); ok {
		if exit.Err == nil {
			return exit.Code
		}
		code = exit.Code
	}
	root.PrintErrf("%s: %s\n", root.Name(), explain(err))
	return code
}
