package transfer

import (
	"context"
	"sync"
)

// Gate bounds what is sent at a time. A large part takes one place; small objects share one, for with them it is the
// time of the answer that counts.
type Gate struct {
	partSize int64

	mu      sync.Mutex
	changed chan struct{}
	used    int
	// places are those that are open now, and most those that are open in good times, both in shares.
	places, most int
}

// shares is how many small objects share a place.
const shares = 8

// NewGate makes a gate with places for parts of a size.
func NewGate(places int, partSize int64) *Gate {
	n := places * shares
	return &Gate{partSize: partSize, places: n, most: n, changed: make(chan struct{})}
}

// Places is how many large parts may be sent at a time.
func (g *Gate) Places() int { return g.most / shares }

func (g *Gate) cost(size int64) int {
	return int(min(shares, 1+size*shares/max(1, g.partSize)))
}

// Enter waits for room for a request of so many bytes. Leave must follow it.
func (g *Gate) Enter(ctx context.Context, size int64) error {
	cost := g.cost(size)
	for {
		g.mu.Lock()
		if g.used == 0 || g.used+cost <= g.places {
			g.used += cost
			g.mu.Unlock()
			return nil
		}
		changed := g.changed
		g.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// Leave gives the room back. A request that went well opens the gate a little, if it was narrowed.
func (g *Gate) Leave(size int64, well bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used -= g.cost(size)
	if well {
		g.places = min(g.most, g.places+1)
	}
	close(g.changed)
	g.changed = make(chan struct{})
}

// Slow halves the room: the store asked for fewer requests.
func (g *Gate) Slow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.places = max(1, g.places/2)
}
