package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/e2e/fakecloud/api"
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
		Use:           "cloud",
		Short:         "Serve the public clouds' host names inside a cluster",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newServe(), newLinkLocal())
	return root
}

func newServe() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve token services, and stores behind a check of identities; inside a pod",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.tls, "tls", "/tls", "directory with tls.crt and tls.key for all names, and ca.crt")
	f.StringVar(&o.blob, "blob", "https://127.0.0.1:10000", "where Azurite listens")
	f.StringVar(&o.gcs, "gcs", "http://127.0.0.1:4443", "where fake-gcs-server listens")
	f.StringVar(&o.s3, "s3", "", "where the S3 store listens")
	f.StringVar(&o.sts, "sts", "", "where the S3 store's token service listens")
	f.StringVar(&o.storeCA, "store-ca", "/tls/store-ca.crt", "file with the S3 store's authority")
	for _, required := range []string{"s3", "sts"} {
		cobra.CheckErr(cmd.MarkFlagRequired(required))
	}
	return cmd
}

// options are the flags. The admin token comes from the environment, where no process list shows it.
type options struct{ tls, blob, gcs, s3, sts, storeCA string }

func serve(ctx context.Context, o options) error {
	token := os.Getenv(api.TokenEnv)
	if token == "" {
		return errors.New("serve: " + api.TokenEnv + " is not set")
	}
	c, err := newClouds(ctx, o)
	if err != nil {
		return err
	}
	certificate := filepath.Join(o.tls, corev1.TLSCertKey)
	key := filepath.Join(o.tls, corev1.TLSPrivateKeyKey)
	group, ctx := errgroup.WithContext(ctx)
	for port, handler := range map[int]http.Handler{
		api.NamesPort: c.byName(),
		api.AdminPort: c.admin(token),
	} {
		server := newServer(port, handler)
		group.Go(func() error { return server.ListenAndServeTLS(certificate, key) })
		group.Go(func() error {
			<-ctx.Done()
			return server.Close()
		})
	}
	plain := newServer(api.MetadataPort, c.metadata(c.kube, c.sts, token))
	group.Go(plain.ListenAndServe)
	group.Go(func() error {
		<-ctx.Done()
		return plain.Close()
	})
	slog.Info("Serving", "issuer", c.cluster.Issuer)
	err = group.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func newServer(port int, handler http.Handler) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true) // the stores behind speak no other
	return &http.Server{
		Addr: fmt.Sprintf(":%d", port), Handler: handler, Protocols: &protocols,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
}
