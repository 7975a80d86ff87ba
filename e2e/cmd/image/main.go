package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/e2e/harness/image"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := newCommand().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func newCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "image",
		Short:         "Make container images out of static programs, without a container engine",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newBuild())
	return root
}

type buildOptions struct {
	name, out, repository string
	binaries, entrypoint  []string
	files                 []string
	root                  bool
}

func newBuild() *cobra.Command {
	var o buildOptions
	cmd := &cobra.Command{
		Use:   "build --name NAME --binary PROGRAM... (-o FILE.tar | --image-repository REPOSITORY)",
		Short: "Build an image into an archive, a registry or both",
		Long: `Builds an image that holds the given static programs and runs as user 65532. The same programs give the same digest.

The archive is for "cluster load", "kind load image-archive" and "docker load". With a repository the image is pushed
there, with the credentials of docker login, and the name with its digest is printed.`,
		Example: `  image build --name localhost/lighterman:dev --binary bin/lighterman -o lighterman.tar
  image build --name localhost/tools:dev --binary bin/a --binary bin/b=/usr/bin/b --entrypoint /a -o tools.tar`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return build(cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", "the image's name and tag, e.g. localhost/lighterman:dev")
	f.StringArrayVar(&o.binaries, "binary", nil, "a static program, as PROGRAM or PROGRAM=/PATH/IN/IMAGE; may be repeated")
	f.StringArrayVar(&o.files, "file", nil, "another file to put into the image, as FILE=/PATH/IN/IMAGE; may be repeated")
	f.StringArrayVar(&o.entrypoint, "entrypoint", nil, "the program to run and its first arguments, one each; default: the first binary")
	f.BoolVar(&o.root, "root", false, "run as root")
	f.StringVarP(&o.out, "output", "o", "", "the archive to write")
	f.StringVar(&o.repository, "image-repository", os.Getenv(image.RepositoryEnv), "the registry path to push to; default $"+image.RepositoryEnv)
	for _, required := range []string{"name", "binary"} {
		cobra.CheckErr(cmd.MarkFlagRequired(required))
	}
	return cmd
}

func build(cmd *cobra.Command, o buildOptions) error {
	if o.out == "" && o.repository == "" {
		return errors.New("nowhere to put the image: give --output or --image-repository")
	}
	spec := image.Spec{Binaries: map[string]string{}, Entrypoint: o.entrypoint, Root: o.root}
	for _, b := range o.binaries {
		source, target, ok := strings.Cut(b, "=")
		if !ok {
			target = "/" + filepath.Base(source)
		}
		spec.Binaries[target] = source
		if len(spec.Entrypoint) == 0 {
			spec.Entrypoint = []string{target}
		}
	}
	for _, f := range o.files {
		source, target, ok := strings.Cut(f, "=")
		if !ok {
			return fmt.Errorf("--file %s: say where in the image, as FILE=/PATH", f)
		}
		spec.Files = append(spec.Files, image.File{Path: target, Mode: 0o644, Source: source})
	}
	img, err := image.Build(spec)
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := image.Write(o.out, o.name, img); err != nil {
			return err
		}
	}
	if o.repository != "" {
		pushed, err := image.Push(cmd.Context(), image.In(o.repository, o.name), img)
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), pushed)
	}
	return nil
}
