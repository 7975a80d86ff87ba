package serviceaccounts

import "github.com/prometheus/client_golang/prometheus"

// The outcomes of a write to a service account, a metric label.
const (
	WriteApplied  = "applied"
	WriteRemoved  = "removed"
	WriteConflict = "conflict" // another field manager owns an annotation, or wrote at the same time
	WriteError    = "error"
)

// NewWriteCounter returns the counter of writes, by outcome.
func NewWriteCounter() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lighterman_serviceaccount_writes_total",
		Help: "Writes of service accounts' annotations, by outcome.",
	}, []string{"outcome"})
}
