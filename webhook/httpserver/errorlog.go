package httpserver

import (
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"lighterman.dev/lighterman/internal/message"
)

// logInterval is how often a line of net/http's is logged.
const logInterval = 10 * time.Second

// errorLog logs net/http's errors of connections: failed handshakes and malformed headers. Every client that reaches the port
// can cause any number of them, so it logs one in an interval, with the number of those since.
type errorLog struct {
	log logr.Logger

	mu      sync.Mutex
	last    time.Time
	skipped int
}

func (e *errorLog) Write(line []byte) (int, error) {
	e.mu.Lock()
	now := time.Now()
	if now.Sub(e.last) < logInterval {
		e.skipped++
		e.mu.Unlock()
		return len(line), nil
	}
	skipped := e.skipped
	e.last, e.skipped = now, 0
	e.mu.Unlock()
	e.log.Info("refuse connection", "error", message.Shorten(strings.TrimSpace(string(line)), 512), "sinceLast", skipped)
	return len(line), nil
}
