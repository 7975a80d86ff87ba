package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// countingConn counts what is read from the network.
type countingConn struct {
	net.Conn

	read *atomic.Int64
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// TestBandwidthLimit sends several bodies at a time, with TLS and without. The time that they take is that of the bytes that the
// server has received on the wire, and reading a body beforehand, for its checksum, takes none.
func TestBandwidthLimit(t *testing.T) {
	const limit, requests, size = 1 << 20, 8, 3 << 20
	for scheme, secure := range map[string]bool{"http": false, "https": true} {
		t.Run(scheme, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pair := selfSigned(t)
				var received atomic.Int64
				client := serve(t, transport.Options{BandwidthLimit: limit, CAFile: writeCertificate(t, pair)}, func(_ context.Context, c net.Conn) {
					defer c.Close()
					c = countingConn{c, &received}
					if secure {
						c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
					}
					from := bufio.NewReader(c)
					for {
						r, err := http.ReadRequest(from)
						if err != nil {
							return
						}
						io.Copy(io.Discard, r.Body)
						io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
					}
				})
				began := time.Now()
				var all sync.WaitGroup
				for range requests {
					all.Go(func() {
						body := objstore.Body{ReaderAt: bytes.NewReader(make([]byte, size)), Size: size}
						for range 3 {
							if err := transport.HashBody(body, checksum.New(objstore.CRC32C)); err != nil {
								t.Error(err)
							}
						}
						req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, scheme+"://127.0.0.1/", transport.NewBodyReader(body, nil))
						if err != nil {
							t.Error(err)
							return
						}
						req.ContentLength = size
						answer, err := client.Do(req)
						if err != nil {
							t.Error(err)
							return
						}
						answer.Body.Close()
					})
				}
				all.Wait()
				took := time.Since(began)
				bytes := received.Load()
				if bytes < requests*size || secure && bytes < requests*size*1001/1000 {
					t.Fatalf("%d bytes were received", bytes)
				}
				// The clock of the bubble stands still while anything runs. The first eighth of a second is sent at once.
				want := time.Duration(float64(bytes-limit/8) / limit * float64(time.Second))
				if took < want-time.Millisecond || took > want+time.Millisecond {
					t.Errorf("%d bytes took %v, want %v", bytes, took, want)
				}
			})
		})
	}
}

// TestSlowestBandwidth has a limit that a request needs many minutes for: that is no standstill.
func TestSlowestBandwidth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := serve(t, transport.Options{BandwidthLimit: 100}, script{answer: []string{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}}.play)
		const size = 256 << 10
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://127.0.0.1/", bytes.NewReader(make([]byte, size)))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	})
}
