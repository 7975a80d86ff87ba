package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	namespaces, profiles, clusterProfiles, serviceAccounts int
	clients                                                int
	requests, connections                                  int
	memoryLimit                                            string
	program                                                string
	check                                                  bool
}

// The targets.
const (
	maxRestart  = time.Second
	maxResident = 120 << 20
)

func main() {
	var o options
	flag.IntVar(&o.namespaces, "namespaces", 10_000, "namespaces in the cluster")
	flag.IntVar(&o.profiles, "profiles", 900, "CredentialProfiles, one a namespace")
	flag.IntVar(&o.clusterProfiles, "cluster-profiles", 100, "ClusterCredentialProfiles")
	flag.IntVar(&o.serviceAccounts, "service-accounts", 50_000, "service accounts, spread over the namespaces")
	flag.IntVar(&o.clients, "clients", 32, "clients that fill the cluster at once")
	flag.IntVar(&o.requests, "requests", 2_000, "admission reviews that are posted")
	flag.IntVar(&o.connections, "connections", 10, "connections over which they are posted")
	flag.StringVar(&o.memoryLimit, "memory-limit", "256MiB", "GOMEMLIMIT of the webhook; the chart sets it to limits.memory")
	flag.StringVar(&o.program, "program", "", "`file` of the lighterman program; empty: it is built from this work tree")
	flag.BoolVar(&o.check, "check", false, "end with an error when a target is missed")
	flag.Parse()

	// A second signal ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	err := run(ctx, &o)
	if err != nil && ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "scale: interrupted:", err)
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o *options) (err error) {
	dir, err := os.MkdirTemp("", "lighterman-scale-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := startServer(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	program := o.program
	if program == "" {
		if program, err = server.build(ctx); err != nil {
			return err
		}
	}
	if err := server.fill(ctx, o); err != nil {
		return err
	}
	first, err := measure(ctx, server, program, o)
	if err != nil {
		return fmt.Errorf("first start: %w", err)
	}
	restart, err := measure(ctx, server, program, o)
	if err != nil {
		return fmt.Errorf("restart: %w", err)
	}
	report(os.Stdout, o, first, restart)
	if o.check && !restart.good() {
		return errors.New("a target was missed")
	}
	return nil
}

// result is what one start of the webhook was like.
type result struct {
	ready time.Duration
	// idle and loaded are the memory when the webhook was ready, and after the admissions.
	idle, loaded memory
	load         load
}

func (r *result) good() bool {
	return r.ready < maxRestart && r.idle.resident < maxResident && r.loaded.resident < maxResident
}

// measure starts the webhook, sends it admissions, and ends it.
func measure(ctx context.Context, server *server, program string, o *options) (r result, err error) {
	fmt.Fprintln(os.Stderr, "starting the webhook")
	keeper, err := startCerts(ctx, server, program)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, keeper.stop()) }()
	if _, err = keeper.waitReady(ctx); err != nil {
		return r, err
	}
	w, err := startWebhook(ctx, server, program, o.memoryLimit)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	if r.ready, err = w.waitReady(ctx); err != nil {
		return r, err
	}
	// What the start left over is given back to the system within a moment; the status of profiles is written meanwhile.
	if err := sleep(ctx, 5*time.Second); err != nil {
		return r, err
	}
	if r.idle, err = w.memory(); err != nil {
		return r, err
	}
	fmt.Fprintf(os.Stderr, "ready after %s; posting %d reviews\n", r.ready.Round(time.Millisecond), o.requests)
	if r.load, err = admit(ctx, server, w, o); err != nil {
		return r, err
	}
	r.loaded, err = w.memory()
	return r, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
