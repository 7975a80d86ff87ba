package teststores

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
	for range lastPort - firstPort {
		at := fmt.Sprintf("127.0.0.1:%d", firstPort+int(nextPort.Add(1)%(lastPort-firstPort)))
		proxy := toxiproxy.NewProxy(api, tb.Name(), at, server)
		if proxy.Start() == nil {
			tb.Cleanup(proxy.Stop)
			return &Network{Address: proxy.Listen, proxy: proxy}
		}
	}
	tb.Fatalf("no port from %d to %d is free", firstPort, lastPort)
	return nil
}

// The ports of networks are none that Linux lends out by itself (net.ipv4.ip_local_port_range begins at 32768): a network
// that is down leaves its port, and another server there would answer in its place.
const firstPort, lastPort = 20_000, 32_000

var nextPort = func() *atomic.Uint32 {
	n := new(atomic.Uint32)
	n.Store(rand.Uint32N(lastPort - firstPort))
	return n
}()

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

// Stall lets nothing more through to the server, until Heal ends the connections.
func (n *Network) Stall(tb testing.TB) {
	tb.Helper()
	n.add(tb, "timeout", map[string]int64{"timeout": 0})
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
	// A program of another test may have taken the port.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		err := n.proxy.Start()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatal(err)
		}
	}
}
