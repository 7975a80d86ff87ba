package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/time/rate"
)

// Options are for New.
type Options struct {
	// CAFile has the authorities that a server's certificate must be signed by, as PEM. They take the place of the system's.
	// The file is read again when it has changed. Empty: the system's.
	CAFile string
	// ServerName is the name that a server is asked for in TLS, and that its certificate must have; empty: the host of the
	// request's URL.
	ServerName string
	// Connections is how many requests run at once. So many connections are kept for the next ones. Zero is 8.
	Connections int
	// StallTimeout is how long a request may make no progress. The other bounds of a request are multiples of it. Zero is a
	// minute.
	StallTimeout time.Duration
	// BandwidthLimit bounds what is written to all connections together, in bytes per second, headers and TLS included. Zero:
	// no bound.
	BandwidthLimit int64
}

const (
	// dialTimeout bounds the connection and the TLS handshake, each.
	dialTimeout = 15 * time.Second
	// nodeDialTimeout bounds the connection to a service of the node, which is there at once, or not at all.
	nodeDialTimeout = 2 * time.Second
	// stallTimeout is the default of Options.StallTimeout. Without a bound a connection that a firewall forgot would hang for a
	// quarter of an hour, and one to a store that stops in the middle of an answer for ever.
	stallTimeout = time.Minute
	idleTimeout  = 90 * time.Second
)

// New returns a client. It speaks HTTP/1.1 alone: parts in parallel are faster on connections of their own than as streams
// of one. See NewProxy for the proxies that it uses. It follows no redirect: a store that redirects is not at the address in the
// profile. Every request and its answer is bounded, in time and in length: see ExpectContent, ExpectListing and ExpectJoin.
func New(o Options) (*http.Client, error) {
	return newClient(o, (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext)
}

// connectFunc connects to an address.
type connectFunc func(ctx context.Context, network, address string) (net.Conn, error)

func newClient(o Options, connect connectFunc) (*http.Client, error) {
	o.Connections = cmp.Or(o.Connections, 8)
	roots, err := newRoots(o.CAFile)
	if err != nil {
		return nil, err
	}
	d := &dialer{connect: connect, limiter: newLimiter(o.BandwidthLimit), roots: roots, serverName: o.ServerName}
	t := &http.Transport{
		Proxy:          NewProxy(),
		DialContext:    d.dial,
		DialTLSContext: d.dialTLS,
		// For the way through a proxy, where the transport shakes hands itself.
		TLSClientConfig:        &tls.Config{ServerName: o.ServerName, RootCAs: roots.pool, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		MaxIdleConns:           2 * o.Connections,
		MaxIdleConnsPerHost:    o.Connections,
		IdleConnTimeout:        idleTimeout,
		OnProxyConnectResponse: checkTunnel,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	return &http.Client{
		Transport:     roundTripper{t, cmp.Or(o.StallTimeout, stallTimeout)},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// newLimiter returns a limiter for bytes per second; nil for zero.
func newLimiter(bytesPerSecond int64) *rate.Limiter {
	if bytesPerSecond <= 0 {
		return nil
	}
	return rate.NewLimiter(rate.Limit(bytesPerSecond), int(max(1024, min(bytesPerSecond/8, 1<<20))))
}

// dialer makes the connections of a client.
type dialer struct {
	connect    connectFunc
	limiter    *rate.Limiter
	roots      *roots
	serverName string
}

// connectWire connects to a server.
func (d *dialer) connectWire(ctx context.Context, network, address string) (*wire, error) {
	timeout := dialTimeout
	if host, err := netip.ParseAddrPort(address); err == nil && isNodeAddress(host.Addr()) {
		timeout = nodeDialTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return newWire(c, d.limiter), nil
}

func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w, err := d.connectWire(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return newConn(w, w), nil
}

// dialTLS connects to a server, and checks its certificate by the authorities as they are now. Its name is that of the address,
// if the options have none.
func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: cmp.Or(d.serverName, host), MinVersion: tls.VersionTLS12}
	if config.RootCAs, err = d.roots.currentPool(); err != nil {
		return nil, err
	}
	w, err := d.connectWire(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := tls.Client(w, config)
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		w.Close()
		return nil, fmt.Errorf("shake hands with %s: %w", address, err)
	}
	return newConn(c, w), nil
}
