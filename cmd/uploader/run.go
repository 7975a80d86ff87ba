package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/sidecar"
)

// memory is the part of the container's limit that Go's collector keeps to; the rest is for what it does not see.
const memory = 0.9

// runOptions are the flags of "uploader run".
type runOptions struct {
	termination, metrics, level string
}

func newRunCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the sidecar",
		Long: `Run the sidecar: prove that the store can be written, then upload the spool's files until SIGTERM, then what is left.

Settings are read from LIGHTERMAN_UPLOADER, and the pod's name from LIGHTERMAN_POD_NAMESPACE, LIGHTERMAN_POD_NAME and
LIGHTERMAN_POD_UID. With completion Wrap the program first copies itself beside its socket, for "uploader exec".

The exit code is 0 when every file is durable and the manifest is written. Kubernetes takes no notice of a sidecar's exit
code: only completion Wrap lets a Job fail. What went wrong is also written as the container's termination message.`,
		Example: `  # What an injected sidecar runs
  uploader run

  # On a workstation, into a directory
  export LIGHTERMAN_POD_NAMESPACE=me LIGHTERMAN_POD_NAME=desk LIGHTERMAN_POD_UID=1
  export LIGHTERMAN_UPLOADER='{"spool":"/tmp/spool","directory":"/tmp/run","dir":{"path":"/mnt/share"}}'
  uploader run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := runSidecar(cmd.Context(), &o)
			if err == nil || o.termination == "" {
				return err
			}
			if writeErr := sidecar.WriteTermination(o.termination, err); writeErr != nil {
				fmt.Fprintln(os.Stderr, "uploader:", writeErr)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.termination, "termination-log", "/dev/termination-log", "where the reason of a failure is written; empty: nowhere")
	f.StringVar(&o.metrics, "metrics-address", "", "where Prometheus metrics are served, for example :9108; empty: nowhere")
	f.StringVar(&o.level, "log-level", "info", "debug, info, warn or error")
	return cmd
}

func runSidecar(ctx context.Context, o *runOptions) error {
	// First of all: a pod may end at once.
	drain, stop := untilSignal(ctx)
	defer stop()
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.level)); err != nil {
		return fmt.Errorf("--log-level=%s is not a level: use debug, info, warn or error", o.level)
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	if _, err := memlimit.Set(memlimit.WithRatio(memory), memlimit.WithProvider(memlimit.FromCgroup)); err != nil {
		log.Debug("no memory limit is known", "error", err)
	}
	config, pod, err := settings()
	if err != nil {
		return err
	}
	if config.Completion == uploader.Wrap {
		if err := install(config.Directory); err != nil {
			return err
		}
	}
	store, err := openStore(config) //nolint:contextcheck // A store outlives every request.
	if err != nil {
		return err
	}
	metrics := sidecar.NewMetrics()
	if o.metrics != "" {
		go func() {
			if err := metrics.Serve(ctx, o.metrics); err != nil {
				log.Error("no metrics", "error", err)
			}
		}()
	}
	return sidecar.Run(ctx, drain.Done(), sidecar.Options{
		Config: config, Pod: pod, Store: store, Version: version, Log: log, Metrics: metrics,
	})
}

// settings reads the environment of an injected sidecar.
func settings() (*uploader.Config, uploader.Pod, error) {
	config, err := uploader.ParseConfig(os.Getenv(uploader.EnvConfig))
	if err != nil {
		return nil, uploader.Pod{}, err
	}
	pod := uploader.Pod{
		Namespace: os.Getenv(uploader.EnvPodNamespace), Name: os.Getenv(uploader.EnvPodName), UID: os.Getenv(uploader.EnvPodUID),
	}
	for name, value := range map[string]string{
		uploader.EnvPodNamespace: pod.Namespace, uploader.EnvPodName: pod.Name, uploader.EnvPodUID: pod.UID,
	} {
		if value == "" || strings.ContainsAny(value, "/\x00") {
			return nil, pod, fmt.Errorf("%s is %q: set it to the pod's, with the downward API", name, value)
		}
	}
	return config, pod, nil
}
