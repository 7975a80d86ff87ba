package transfer

import (
	"context"
	"sync"
)

// Gate bounds how much is sent at a time. A large part takes one place. Small objects share one, for with them the time
// of the answer counts, not that of sending.
type Gate struct {
	partSize int64

	mu          sync.Mutex
	roomChanged chan struct{}
	used        int
	// places are open now, and most are open when the store does not throttle; both in shares.
	places, most int
}

// shares is how many small objects share a place.
const shares = 8

// NewGate returns a gate with places for parts of a size.
func NewGate(places int, partSize int64) *Gate {
	n := places * shares
	return &Gate{partSize: partSize, places: n, most: n, roomChanged: make(chan struct{})}
}

// Places returns how many large parts may be sent at a time.
func (g *Gate) Places() int { return g.most / shares }

// shareOf returns the shares that a request of so many bytes takes.
func (g *Gate) shareOf(size int64) int {
	return int(min(shares, 1+size*shares/max(1, g.partSize)))
}

// Enter waits for room for a request of so many bytes. Leave must follow it.
func (g *Gate) Enter(ctx context.Context, size int64) error {
	share := g.shareOf(size)
	for {
		g.mu.Lock()
		if g.used == 0 || g.used+share <= g.places {
			g.used += share
			g.mu.Unlock()
			return nil
		}
		changed := g.roomChanged
		g.mu.Unlock()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

// Leave frees the room. A request that succeeded widens the gate a little, if it was narrowed.
func (g *Gate) Leave(size int64, well bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used -= g.shareOf(size)
	if well {
		g.places = min(g.most, g.places+1)
	}
	close(g.roomChanged)
	g.roomChanged = make(chan struct{})
}

// Narrow halves the room: the store asked for fewer requests.
func (g *Gate) Narrow() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.places = max(1, g.places/2)
}
