package uploadercmd

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/spf13/cobra"

	"lighterman.dev/lighterman/internal/cli"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/sidecar"
)

// memoryRatio is the part of the container's limit that becomes GOMEMLIMIT; the rest is for memory that Go does not manage.
const memoryRatio = 0.9

// runOptions are the flags of "uploader run".
type runOptions struct {
	version, termination, metrics string
	log                           cli.LogOptions
}

func newRunCommand(version string) *cobra.Command {
	o := runOptions{version: version}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Upload the spool's files until the pod ends",
		Long: `Run the sidecar: check that the store can be written, upload the spool's files until SIGTERM, then upload the remaining files.

Settings are read from LIGHTERMAN_UPLOADER, and the pod's name from LIGHTERMAN_POD_NAMESPACE, LIGHTERMAN_POD_NAME and
LIGHTERMAN_POD_UID. With completion Wrap the program first copies itself beside its socket, for "uploader exec".

The exit code is 0 when every file is durable and the manifest is written. Kubernetes ignores the exit code of a sidecar:
only completion Wrap lets a Job fail. The reason of a failure is also the container's termination message.`,
		Example: `  # The command of an injected sidecar
  uploader run

  # On a workstation, into a bucket; then copy files into /tmp/spool, and end it with Ctrl-C
  mkdir -p /tmp/spool /tmp/run
  export LIGHTERMAN_POD_NAMESPACE=me LIGHTERMAN_POD_NAME=desk LIGHTERMAN_POD_UID=1
  export LIGHTERMAN_UPLOADER='{"spool":"/tmp/spool","directory":"/tmp/run","s3":{"bucket":"b","region":"eu-west-1",
    "auth":{"mode":"ambient"}}}'
  uploader run --termination-log=`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.reportTermination(runSidecar(cmd.Context(), &o)) },
	}
	o.bindFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.metrics, "metrics-address", "", "address of /metrics, for example :9108; empty: none are served")
	return cmd
}

func newPreflightCommand(version string) *cobra.Command {
	o := runOptions{version: version}
	cmd := &cobra.Command{
		Use:   "preflight",
		Short: "Check that the store can be written",
		Long: `Check that the store can be written, as "uploader run" does first, for an init container. Kubernetes restarts a native sidecar
that fails for ever, while its pod waits; an init container that fails ends the pod of a Job, within seconds and before the
backup starts. The reason and its cure are the termination message.

Settings are read as "uploader run" reads them.`,
		Example: `  # The command of the init container that Lighterman adds before the sidecar
  uploader preflight`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := cli.UntilSignal(cmd.Context())
			defer stop()
			options, err := o.sidecarOptions()
			if err == nil {
				err = sidecar.Preflight(ctx, options)
			}
			return o.reportTermination(err)
		},
	}
	o.bindFlags(cmd)
	return cmd
}

// bindFlags defines the flags that every form of the sidecar has.
func (o *runOptions) bindFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.termination, "termination-log", "/dev/termination-log",
		"file for the reason of a failure; empty: it is not written")
	o.log.BindFlags(f)
}

// reportTermination writes the reason of a failure to the container's termination message, and returns err.
func (o *runOptions) reportTermination(err error) error {
	if err == nil || o.termination == "" {
		return err
	}
	if writeErr := sidecar.WriteTermination(o.termination, err); writeErr != nil {
		fmt.Fprintln(os.Stderr, "uploader:", writeErr)
	}
	return err
}

// sidecarOptions reads the settings, opens the store, and sets up the log.
func (o *runOptions) sidecarOptions() (sidecar.Options, error) {
	handler, err := o.log.SetUp(os.Stderr)
	if err != nil {
		return sidecar.Options{}, err
	}
	log := slog.New(handler)
	if _, err := memlimit.Set(memlimit.WithRatio(memoryRatio), memlimit.WithProvider(memlimit.FromCgroup)); err != nil {
		log.Debug("read the memory limit", "error", err)
	}
	config, pod, err := readSettings()
	if err != nil {
		return sidecar.Options{}, err
	}
	store, err := openStore(config)
	if err != nil {
		return sidecar.Options{}, err
	}
	return sidecar.Options{
		Config: config, Pod: pod, Store: store, Version: o.version, Log: log, Metrics: sidecar.NewMetrics(),
	}, nil
}

func runSidecar(ctx context.Context, o *runOptions) error {
	// First of all: a pod may end at once. Further signals do not end a drain that has begun.
	drain, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	options, err := o.sidecarOptions()
	if err != nil {
		return err
	}
	if options.Config.Completion == uploader.Wrap {
		if err := installProgram(options.Config.Directory); err != nil {
			return err
		}
	}
	if o.metrics != "" {
		go func() {
			if err := options.Metrics.Serve(ctx, o.metrics); err != nil {
				options.Log.Error("serve metrics", "error", err)
			}
		}()
	}
	return sidecar.Run(ctx, drain.Done(), options)
}

// parseConfig reads the settings, and the bucket's name from its variable where they do not have it.
func parseConfig(text string) (*uploader.Config, error) {
	config, err := uploader.ParseConfig(text)
	if err != nil {
		return nil, err
	}
	if err := config.ResolveBucket(os.Getenv); err != nil {
		return nil, err
	}
	return config, nil
}

// readSettings reads the settings and the pod's identity from the environment of an injected sidecar.
func readSettings() (*uploader.Config, uploader.Pod, error) {
	config, err := parseConfig(os.Getenv(uploader.EnvConfig))
	if err != nil {
		return nil, uploader.Pod{}, err
	}
	pod := uploader.Pod{
		Namespace: os.Getenv(uploader.EnvPodNamespace),
		Name:      os.Getenv(uploader.EnvPodName),
		UID:       os.Getenv(uploader.EnvPodUID),
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
