package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func newEmit() *cobra.Command {
	var random string
	var fail bool
	cmd := &cobra.Command{
		Use:   "emit NAME",
		Short: "Write random bytes to standard output, as a dump does; print their SHA-256 and a name to standard error",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			sum, err := copyRandom(cmd.OutOrStdout(), random)
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "%x  %s\n", sum, filepath.Clean(args[0]))
			if fail {
				return fmt.Errorf("the dump fails behind its last byte: %w", io.ErrUnexpectedEOF)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&random, "random", "1Mi", "how many bytes")
	cmd.Flags().BoolVar(&fail, "fail", false, "fail when all is written")
	return cmd
}
