package caller

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
)

// Message is the body of every refusal, whatever the reason: the sender is not known to be the API server.
const Message = "lighterman: refused: see the log of Lighterman, and \"Refused reviews\" in docs/denials.md"

// StatusCode is the HTTP status of a refusal, whatever the reason.
const StatusCode = http.StatusForbidden

// Refuse writes the answer that reveals no reason. The API server shows the text of such an answer to the user who
// creates the pod: newUnstructuredResponseError in k8s.io/client-go v0.37.2 rest/request.go.
func Refuse(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(StatusCode)
	_, _ = w.Write([]byte(Message)) // Where that fails the client has gone.
}

const (
	logInterval = time.Second
	logBurst    = 10
)

// RefusalLog logs refusals at a bounded rate: every client that reaches the port can cause one.
type RefusalLog struct {
	log        logr.Logger
	limiter    *rate.Limiter
	suppressed atomic.Uint64
}

// NewRefusalLog returns a RefusalLog.
func NewRefusalLog(log logr.Logger) *RefusalLog {
	return &RefusalLog{log: log, limiter: rate.NewLimiter(rate.Every(logInterval), logBurst)}
}

// LogRefusal logs a refusal, or counts it for the next line.
func (l *RefusalLog) LogRefusal(source, reason, detail string) {
	if !l.limiter.Allow() {
		l.suppressed.Add(1)
		return
	}
	l.log.Info("refuse review", "source", source, "reason", reason, "detail", detail, "suppressed", l.suppressed.Swap(0))
}
