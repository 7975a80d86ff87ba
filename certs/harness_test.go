package certs

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	admissionv1 "k8s.io/api/admission/v1"
)

// testSettle is SettleDelay in tests. The stream's client lags behind by less.
const testSettle = 2 * time.Second

// replica is a running Source behind a listener that answers admission reviews, each over a connection of its own, and
// refuses those with a path that is not accepted. The first of a release has the Issuer beside it.
type replica struct {
	*Source
	issuer  *Issuer // nil beside all but the first
	address string
	log     *logLines // of both
}

// newFirst starts an Issuer and a replica.
func (r *release) newFirst(t *testing.T, o IssuerOptions) *replica {
	t.Helper()
	rep := r.newReplica(t)
	var err error
	if rep.issuer, err = NewIssuer(r.cfg, o, funcr.New(rep.log.add, funcr.Options{Verbosity: 0})); err != nil {
		t.Fatal(err)
	}
	start(t, rep.issuer.Start)
	return rep
}

// newReplica starts a replica.
func (r *release) newReplica(t *testing.T) *replica {
	t.Helper()
	lines := &logLines{}
	s, err := New(r.serving, Options{
		Namespace: r.name, SecretName: servingSecret, DNSNames: []string{"localhost"}, PathPrefix: testPrefix,
	}, funcr.New(lines.add, funcr.Options{Verbosity: 0}))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if !s.Accepts(req.URL.Path) {
				http.Error(w, "this path is not accepted", http.StatusNotFound)
				return
			}
			allow(w, req)
		}),
		TLSConfig:         &tls.Config{GetCertificate: s.GetCertificate, MinVersion: tls.VersionTLS13},
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	server.SetKeepAlivesEnabled(false)
	go func() { _ = server.ServeTLS(listener, "", "") }()
	t.Cleanup(func() { _ = server.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	rep := &replica{Source: s, address: "localhost:" + port, log: lines}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", rep.address, lines)
		}
	})
	start(t, func(ctx context.Context) error {
		err := s.Start(ctx)
		if err == nil && s.provider.checkReady(time.Now()) == nil {
			if after, _ := s.GetCertificate(nil); after == nil {
				err = errors.New("the certificate goes before the connections that are being drained")
			}
		}
		return err
	})
	return rep
}

func allow(w http.ResponseWriter, req *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(req.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review)
}

// call posts to a replica as a client that trusts bundle and nothing else, and returns the certificate that it was shown.
func call(ctx context.Context, address string, config clientConfig) (*x509.Certificate, error) {
	conn, err := connect(ctx, address, config.bundle)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://localhost"+config.path, strings.NewReader(`{"request":{}}`))
	if err != nil {
		return nil, err
	}
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("POST answers %s", response.Status)
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

// clientConfig is by what an API server calls.
type clientConfig struct {
	bundle []byte
	path   string
}

// dial shakes hands as a client that trusts bundle and nothing else, and returns the certificate that it was shown.
func dial(ctx context.Context, address string, bundle []byte) (*x509.Certificate, error) {
	conn, err := connect(ctx, address, bundle)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0], nil
}

func connect(ctx context.Context, address string, bundle []byte) (*tls.Conn, error) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS13}}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return conn.(*tls.Conn), nil
}

// start runs something until the test ends.
func start(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Start = %v", err)
		}
	})
}

// eventually waits until check returns nil.
func eventually(t *testing.T, timeout time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(timeout)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %v", timeout, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// readiness joins what the Issuer and the replica say.
func (rep *replica) readiness() error {
	if rep.issuer == nil {
		return rep.Ready(nil)
	}
	return errors.Join(rep.issuer.Ready(nil), rep.Ready(nil))
}

// notReady waits until Ready says want.
func (rep *replica) notReady(t *testing.T, want string) {
	t.Helper()
	eventually(t, 30*time.Second, func() error {
		if err := rep.readiness(); err == nil || !strings.Contains(err.Error(), want) {
			return fmt.Errorf("Ready = %w, want %q", err, want)
		}
		return nil
	})
}

// ready waits until Ready says yes.
func (rep *replica) ready(t *testing.T) {
	t.Helper()
	eventually(t, 30*time.Second, rep.readiness)
}
