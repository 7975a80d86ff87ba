package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

func newDump() *cobra.Command {
	var tables []string
	var size int64
	cmd := &cobra.Command{
		Use:   "dump DIRECTORY",
		Short: "Write a file for each table, one after the other, as a database's dump does",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			for _, table := range tables {
				file := filepath.Join(args[0], table+".dump")
				fmt.Fprintf(cmd.OutOrStdout(), "dumping table %s to %s\n", table, file)
				if err := dumpTable(cmd.Context(), file, size<<20); err != nil {
					return err
				}
			}
			fmt.Fprintln(cmd.OutOrStdout(), "the dump is complete")
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&tables, "tables", nil, "their names")
	cmd.Flags().Int64Var(&size, "size", 1, "MiB of each")
	return cmd
}

// dumpTable writes a file under a temporary name, in about a second, and renames it.
func dumpTable(ctx context.Context, file string, size int64) error {
	f, err := os.Create(file + ".tmp")
	if err != nil {
		return err
	}
	defer f.Close()
	const steps = 8
	for range steps {
		if _, err := io.CopyN(f, rand.Reader, size/steps); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second / steps):
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(file+".tmp", file)
}
