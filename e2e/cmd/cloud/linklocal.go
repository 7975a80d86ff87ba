package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"

	"github.com/spf13/cobra"
	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"lighterman.dev/lighterman/e2e/fakecloud/api"
	"lighterman.dev/lighterman/e2e/fakecloud/metadata"
)

func newLinkLocal() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "link-local",
		Short: "Take over a node's link-local addresses, for the pods on it; in the node's network",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return linkLocal(cmd.Context(), to) },
	}
	cmd.Flags().StringVar(&to, "to", "", "URL of the pod that answers")
	cobra.CheckErr(cmd.MarkFlagRequired("to"))
	return cmd
}

// linkLocal passes requests on with the address of the pod that they come from, which is seen here only: pods reach an address of
// their node without translation.
func linkLocal(ctx context.Context, to string) error {
	target, err := url.Parse(to)
	if err != nil {
		return fmt.Errorf("link-local: %w", err)
	}
	token := os.Getenv(api.TokenEnv)
	handler := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
		client, _, _ := net.SplitHostPort(r.In.RemoteAddr)
		r.Out.Header.Set(metadata.ClientHeader, client)
		r.Out.Header.Set(api.TokenHeader, token)
	}}
	group, ctx := errgroup.WithContext(ctx)
	for _, ip := range []string{api.MetadataIP, api.EKSAgentIP} {
		if err := addAddress(ip); err != nil {
			return err
		}
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(ip, "80"))
		if err != nil {
			return fmt.Errorf("link-local: %w", err)
		}
		server := newServer(0, handler)
		group.Go(func() error { return server.Serve(listener) })
		group.Go(func() error {
			<-ctx.Done()
			return server.Close()
		})
	}
	if err := group.Wait(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// addAddress gives the node the address, unless it has it of an earlier run.
func addAddress(ip string) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find loopback: %w", err)
	}
	address, err := netlink.ParseAddr(ip + "/32")
	if err != nil {
		return fmt.Errorf("parse address: %w", err)
	}
	if err := netlink.AddrAdd(lo, address); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add %s to loopback: %w", ip, err)
	}
	return nil
}
