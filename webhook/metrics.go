package webhook

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/caller"
	"lighterman.dev/lighterman/webhook/serviceaccounts"
)

// The outcomes of a request, a metric label.
const (
	outcomeInjected  = "injected"
	outcomeUnchanged = "unchanged" // has a profile, and had everything already
	outcomeSkipped   = "skipped"   // has no profile, or opted out
	outcomeDenied    = "denied"
	outcomeError     = "error"
	outcomeRefused   = "refused" // sender not known to be the API server
)

// The reasons of outcomeError, besides injector.Reason for outcomeDenied.
const (
	reasonBadRequest = "BadRequest"
	reasonInternal   = "Internal"
	reasonPanic      = "Panic"
	reasonBusy       = "TooManyRequests" // no memory left for another request
)

// The reasons of outcomeRefused, besides those of package caller.
const (
	reasonSystemNamespace = "SystemNamespace"
	reasonNotOptedIn      = "NotOptedIn"
)

// Metrics are the webhook's Prometheus metrics. Labels take values from closed sets only: no namespace, no profile.
type Metrics struct {
	requests *prometheus.CounterVec
	duration prometheus.Histogram
	pods     *prometheus.CounterVec
	writes   *prometheus.CounterVec
	callers  *prometheus.CounterVec
	methods  *prometheus.GaugeVec
}

// NewMetrics makes the metrics and registers them.
func NewMetrics(registry prometheus.Registerer, version string) (*Metrics, error) {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lighterman_admission_requests_total",
			Help: "Admission reviews, by outcome, and by reason where one was denied or failed.",
		}, []string{"outcome", "reason"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "lighterman_admission_duration_seconds",
			Help:    "Time from the first byte of a review to its response.",
			Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1},
		}),
		pods: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lighterman_injected_pods_total",
			Help: "Pods that were injected, by kind of profile and auth mode.",
		}, []string{"kind", "auth"}),
		writes: serviceaccounts.NewWriteCounter(),
		callers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lighterman_admission_callers_total",
			Help: "Admission reviews that were not refused for their sender, by the method that proved it to be the API server.",
		}, []string{"method"}),
		methods: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "lighterman_caller_authentication",
			Help: "1 for each method by which the API server can prove that a review is its own; method none: there is no such method.",
		}, []string{"method"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lighterman_build_info", Help: "Always 1; the version is in the label.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.pods, m.writes, m.callers, m.methods, build} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *Metrics) observeReview(start time.Time, outcome, reason string) {
	m.requests.WithLabelValues(outcome, reason).Inc()
	m.duration.Observe(time.Since(start).Seconds())
}

func (m *Metrics) countCaller(method caller.Method) { m.callers.WithLabelValues(string(method)).Inc() }

// countRefusal counts a review that was refused for its sender or its namespace. It observes no duration: nothing was
// decided.
func (m *Metrics) countRefusal(reason string) {
	m.requests.WithLabelValues(outcomeRefused, reason).Inc()
}

// showMethods sets the gauge of each method that is in force.
func (m *Metrics) showMethods(methods []caller.Method) {
	for _, method := range caller.Methods {
		m.methods.WithLabelValues(string(method)).Set(0)
	}
	for _, method := range methods {
		m.methods.WithLabelValues(string(method)).Set(1)
	}
}

func (m *Metrics) countAdmission(start time.Time, out *outcome) {
	switch {
	case out.profile == nil:
		m.observeReview(start, outcomeSkipped, "")
	case out.injected:
		m.observeReview(start, outcomeInjected, "")
		m.pods.WithLabelValues(out.profile.Kind, profile.AuthMode(out.profile.Spec)).Inc()
	default:
		m.observeReview(start, outcomeUnchanged, "")
	}
}
