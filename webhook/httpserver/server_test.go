package httpserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-logr/logr"
)

// TestServerAnswersTheLastRequest ends the server while a request is being answered: the answer arrives, and the check of
// readiness says what is.
func TestServerAnswersTheLastRequest(t *testing.T) {
	t.Parallel()
	var listen net.ListenConfig
	free, err := listen.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	certificate := selfSigned(t)
	s := New(Options{Port: port, Log: logr.Discard(), ConfigureTLS: func(c *tls.Config) {
		c.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate, nil }
	}})
	arrived := make(chan struct{})
	s.Register("/slow", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		MarkArrived(r.Context())
		close(arrived)
		time.Sleep(300 * time.Millisecond)
		if r.Context().Err() == nil {
			_, _ = w.Write([]byte("done"))
		}
	}))
	check := s.StartedChecker()
	probe := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil)
	if check(probe) == nil {
		t.Error("ready before the start")
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Start(ctx) }()
	for deadline := time.Now().Add(10 * time.Second); check(probe) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(check(probe))
		}
	}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true,
	}}
	answered := make(chan string, 1)
	go func() {
		request, _ := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d/slow", port), nil)
		response, err := client.Do(request)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer func() { _ = response.Body.Close() }()
		text := make([]byte, 10)
		n, _ := response.Body.Read(text)
		answered <- response.Proto + " " + string(text[:n])
	}()
	<-arrived
	cancel()
	if got := <-answered; got != "HTTP/1.1 done" {
		t.Errorf("got %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func selfSigned(t *testing.T) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
