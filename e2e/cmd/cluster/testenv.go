package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// newTestEnv lets a Makefile prepare everything that tests use: `eval "$(cluster testenv)"`.
func newTestEnv() *cobra.Command {
	return &cobra.Command{
		Use:   "testenv",
		Short: "Build all programs that tests use, and print the variables by which they are found",
		Long: `Builds the cluster's programs, helm, the object store and backup tools into the cache, and prints the environment of
tests: an API server and etcd for tests without a node (KUBEBUILDER_ASSETS), and helm (LIGHTERMAN_HELM).`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b, err := tools.NewBuilder(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			// Everything but the API server, etcd and helm needs Linux and root; without them the tests that need a node
			// say so and are skipped.
			wanted := []tools.Tool{tools.Kubernetes(), tools.Etcd(), tools.Helm()}
			if cluster.CanRun() == nil {
				if _, err := cluster.Build(cmd.Context(), b); err != nil {
					return err
				}
				wanted = append(wanted, tools.Versitygw())
				wanted = append(wanted, tools.ForBackup()...)
			}
			dirs := map[string]string{}
			for _, tool := range wanted {
				if dirs[tool.Name], err = b.Build(cmd.Context(), tool); err != nil {
					return err
				}
			}
			assets, err := link(b.Cache, map[string]string{
				"kube-apiserver": filepath.Join(dirs["kubernetes"], "kube-apiserver"),
				"etcd":           filepath.Join(dirs["etcd"], "etcd"),
			})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "export KUBEBUILDER_ASSETS=%s\nexport LIGHTERMAN_HELM=%s\n",
				assets, filepath.Join(dirs["helm"], "helm"))
			return err
		},
	}
}

// link makes a directory with links to programs: the libraries for tests look for all of them in one place.
func link(cache string, programs map[string]string) (string, error) {
	dir := filepath.Join(cache, "testenv")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("link programs: %w", err)
	}
	for name, target := range programs {
		path := filepath.Join(dir, name)
		if now, err := os.Readlink(path); err == nil && now == target {
			continue
		}
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return "", fmt.Errorf("link programs: %w", err)
		}
		if err := os.Symlink(target, path); err != nil {
			return "", fmt.Errorf("link programs: %w", err)
		}
	}
	return dir, nil
}
