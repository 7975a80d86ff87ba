package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"
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
}

const (
	// dialTimeout bounds the connection and the TLS handshake, each.
	dialTimeout = 15 * time.Second
	// stallTimeout is how long a connection may take nothing of a body before it counts as cut: without it a connection that
	// a firewall forgot would hang for a quarter of an hour.
	stallTimeout = time.Minute
	// answerTimeout is for a store that puts an object together from its parts before it answers.
	answerTimeout = 5 * time.Minute
	idleTimeout   = 90 * time.Second
)

// New returns a client. It speaks HTTP/1.1 alone: parts in parallel are faster on connections of their own than as streams
// of one. See NewProxy for the proxies that it uses. It follows no redirect: a store that redirects is not at the address in the
// profile.
func New(o Options) (*http.Client, error) {
	if o.Connections == 0 {
		o.Connections = 8
	}
	roots, err := newRoots(o.CAFile)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	t := &http.Transport{
		Proxy: NewProxy(),
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return newConn(c), nil
		},
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			config := &tls.Config{ServerName: o.ServerName, MinVersion: tls.VersionTLS12}
			return dialTLS(ctx, dialer, config, roots, network, address)
		},
		// For the way through a proxy, where the transport shakes hands itself.
		TLSClientConfig:        &tls.Config{ServerName: o.ServerName, RootCAs: roots.pool, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    dialTimeout,
		MaxIdleConns:           2 * o.Connections,
		MaxIdleConnsPerHost:    o.Connections,
		IdleConnTimeout:        idleTimeout,
		ResponseHeaderTimeout:  answerTimeout,
		OnProxyConnectResponse: checkTunnel,
		ExpectContinueTimeout:  time.Second,
		DisableCompression:     true,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	return &http.Client{
		Transport:     roundTripper{t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// dialTLS connects to a server, and checks its certificate by the authorities as they are now. The configuration's name is that
// of the address, if it has none.
func dialTLS(
	ctx context.Context, dialer *net.Dialer, config *tls.Config, roots *roots, network, address string,
) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	config.ServerName = cmp.Or(config.ServerName, host)
	if config.RootCAs, err = roots.currentPool(); err != nil {
		return nil, err
	}
	raw, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := tls.Client(raw, config)
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("shake hands with %s: %w", address, err)
	}
	return newConn(c), nil
}
