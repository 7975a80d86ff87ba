package httpserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"
)

// The bounds of the server. The API server waits 5 seconds for an answer, as the webhook configuration says.
const (
	// maxConnections is what three API servers with 80 requests at the same time need. Each takes about 100 KiB with the
	// body that is read at once.
	maxConnections = 256
	// headerTimeout is also the time for the TLS handshake.
	headerTimeout = 3 * time.Second
	// readTimeout is for header and body together, from the first byte.
	readTimeout = 4 * time.Second
	// writeTimeout is from the end of the header to the end of the response.
	writeTimeout = 12 * time.Second
	// idleTimeout is longer than that of the API server's client (90 seconds): it never sends into a connection that is being
	// closed.
	idleTimeout = 2 * time.Minute
	// maxHeader has room for a token (KEP-6060); the API server's own headers take a few hundred bytes.
	maxHeader = 16 << 10
	// shutdownTimeout is for requests that are being answered when the process ends.
	shutdownTimeout = 25 * time.Second
)

// Options are what the process decides.
type Options struct {
	Port int
	// ConfigureTLS sets the certificate, and how clients prove who they are.
	ConfigureTLS func(*tls.Config)
	Log          logr.Logger
}

// Server is a webhook server for a manager.
type Server struct {
	// Server registers handlers, and counts their requests.
	ctrlwebhook.Server

	options Options
	started atomic.Bool
}

var _ ctrlwebhook.Server = (*Server)(nil)

// New returns a server that listens once it is started.
func New(o Options) *Server {
	return &Server{Server: ctrlwebhook.NewServer(ctrlwebhook.Options{Port: o.Port}), options: o}
}

// Start serves until the context ends, and then answers the requests that have arrived.
func (s *Server) Start(ctx context.Context) error {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	s.options.ConfigureTLS(config)
	config.NextProtos = []string{"http/1.1"}
	var listen net.ListenConfig
	inner, err := listen.Listen(ctx, "tcp", net.JoinHostPort("", strconv.Itoa(s.options.Port)))
	if err != nil {
		return fmt.Errorf("listen for reviews: %w", err)
	}
	server := newHTTPServer(s.WebhookMux(), s.options.Log)
	server.BaseContext = func(net.Listener) context.Context { return context.WithoutCancel(ctx) }
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		stopped <- server.Shutdown(ending)
	})
	s.started.Store(true)
	s.options.Log.Info("serve reviews", "port", s.options.Port)
	err = server.Serve(tls.NewListener(&listener{Listener: inner, all: newConnections(maxConnections)}, config))
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve reviews: %w", err)
	}
	if err := <-stopped; err != nil {
		s.options.Log.Error(err, "answer last requests")
	}
	return nil
}

func newHTTPServer(handler http.Handler, log logr.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           handler,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ConnState:         trackState,
		ConnContext:       withConn,
		ErrorLog:          stdlog.New(&errorLog{log: log}, "", 0),
	}
}

// StartedChecker reports whether the server listens. It dials the port, as a client would.
func (s *Server) StartedChecker() healthz.Checker {
	return func(r *http.Request) error {
		if !s.started.Load() {
			return errors.New("the server does not listen yet")
		}
		dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: headerTimeout}, Config: &tls.Config{
			InsecureSkipVerify: true, //nolint:gosec // It is this process; whether the API server trusts it is another check.
		}}
		c, err := dialer.DialContext(r.Context(), "tcp", net.JoinHostPort("", strconv.Itoa(s.options.Port)))
		if err != nil {
			return fmt.Errorf("the server cannot be reached: %w", err)
		}
		return c.Close()
	}
}
