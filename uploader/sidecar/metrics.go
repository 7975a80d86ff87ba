package sidecar

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the Prometheus metrics of a run.
type Metrics struct {
	registry          *prometheus.Registry
	filesTotal        *prometheus.CounterVec
	bytesTotal        prometheus.Counter
	filesWaiting      prometheus.Gauge
	manifestTimestamp prometheus.Gauge
}

// NewMetrics returns metrics. Serve exposes them.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		filesTotal: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lighterman_uploader_files_total", Help: "Attempts to upload a file, by outcome: stored, or failed.",
		}, []string{"outcome"}),
		bytesTotal: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lighterman_uploader_bytes_total", Help: "Bytes that the store has taken.",
		}),
		filesWaiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lighterman_uploader_files_waiting", Help: "Files of the spool that are not durable.",
		}),
		manifestTimestamp: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lighterman_uploader_manifest_timestamp_seconds",
			Help: "When the manifest was last written, in seconds since 1970.",
		}),
	}
	m.registry.MustRegister(m.filesTotal, m.bytesTotal, m.filesWaiting, m.manifestTimestamp)
	return m
}

// Serve serves the metrics at an address until ctx ends.
func (m *Metrics) Serve(ctx context.Context, address string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serve metrics: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
