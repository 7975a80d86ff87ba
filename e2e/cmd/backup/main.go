package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "backup",
		Short:         "Put files into an object store, as the environment says",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newPut(), newGet(), newWrite(), newDump(), newSleep())
	return root
}

func newPut() *cobra.Command {
	var text, file string
	cmd := &cobra.Command{
		Use:   "put URL",
		Short: "Put an object; print who put it and its etag",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return put(cmd.Context(), cmd.OutOrStdout(), args[0], text, file)
		},
	}
	cmd.Flags().StringVar(&text, "from-text", "", "the object's content")
	cmd.Flags().StringVar(&file, "file", "", "the file to put")
	cmd.MarkFlagsOneRequired("from-text", "file")
	cmd.MarkFlagsMutuallyExclusive("from-text", "file")
	return cmd
}

func newGet() *cobra.Command {
	return &cobra.Command{
		Use:   "get URL",
		Short: "Print an object",
		Args:  cobra.ExactArgs(1),
		RunE:  func(cmd *cobra.Command, args []string) error { return get(cmd.Context(), cmd.OutOrStdout(), args[0]) },
	}
}

func newWrite() *cobra.Command {
	var text, random string
	cmd := &cobra.Command{
		Use:   "write FILE",
		Short: "Write a local file, as a dump does",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if random == "" {
				return os.WriteFile(args[0], []byte(text), 0o644)
			}
			return writeRandom(cmd.OutOrStdout(), args[0], random)
		},
	}
	cmd.Flags().StringVar(&text, "from-text", "", "the file's content")
	cmd.Flags().StringVar(&random, "random", "", "write so many random bytes, for example 2Gi, and print their SHA-256")
	cmd.MarkFlagsMutuallyExclusive("from-text", "random")
	return cmd
}

func newSleep() *cobra.Command {
	return &cobra.Command{
		Use:   "sleep DURATION",
		Short: "Wait, or end early on SIGTERM",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := time.ParseDuration(args[0])
			if err != nil {
				return err
			}
			select {
			case <-time.After(d):
			case <-cmd.Context().Done():
			}
			return nil
		},
	}
}
