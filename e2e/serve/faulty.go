package serve

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Network is the way to a server, which can be made to fail.
type Network struct {
	// Address is where to dial in place of the server.
	Address string

	proxy *toxiproxy.Proxy
}

// NewNetwork puts a proxy in front of a server.
func NewNetwork(tb testing.TB, server string) *Network {
	tb.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // Its toxics know no other logger.
	api := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	proxy := toxiproxy.NewProxy(api, tb.Name(), "127.0.0.1:0", server)
	if err := proxy.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(proxy.Stop)
	return &Network{Address: proxy.Listen, proxy: proxy}
}

// Cut ends each connection once so many bytes have gone to the server.
func (n *Network) Cut(tb testing.TB, after int64) {
	tb.Helper()
	n.add(tb, "limit_data", map[string]int64{"bytes": after})
}

// Slow lets so many KiB in a second through to the server.
func (n *Network) Slow(tb testing.TB, kib int64) {
	tb.Helper()
	n.add(tb, "bandwidth", map[string]int64{"rate": kib})
}

func (n *Network) add(tb testing.TB, kind string, attributes map[string]int64) {
	tb.Helper()
	toxic, err := json.Marshal(map[string]any{"name": kind, "type": kind, "stream": "upstream", "attributes": attributes})
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := n.proxy.Toxics.AddToxicJson(strings.NewReader(string(toxic))); err != nil {
		tb.Fatal(err)
	}
}

// Heal ends all faults.
func (n *Network) Heal(tb testing.TB) {
	tb.Helper()
	n.proxy.Toxics.ResetToxics(tb.Context())
}

// Down ends all connections and takes no new one.
func (n *Network) Down() { n.proxy.Stop() }

// Up takes connections again.
func (n *Network) Up(tb testing.TB) {
	tb.Helper()
	if err := n.proxy.Start(); err != nil {
		tb.Fatal(err)
	}
}

// Interceptor is a store that answers some requests otherwise than the one behind it.
type Interceptor struct {
	*httptest.Server

	// Instead answers a request in place of the store, or leaves it to the store with false. Nil leaves all.
	Instead func(w http.ResponseWriter, r *http.Request) bool
	// Answer changes an answer of the store. An error breaks the connection. Nil changes none.
	Answer func(*http.Response) error
}

// Intercept puts an Interceptor in front of a server without TLS.
func Intercept(tb testing.TB, server string) *Interceptor {
	tb.Helper()
	target, err := url.Parse(server)
	if err != nil {
		tb.Fatal(err)
	}
	i := &Interceptor{}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // It is signed.
		},
		ModifyResponse: func(r *http.Response) error {
			if i.Answer == nil {
				return nil
			}
			return i.Answer(r)
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.Instead == nil || !i.Instead(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	tb.Cleanup(i.Close)
	return i
}
