package certs

import "github.com/prometheus/client_golang/prometheus"

var _ prometheus.Collector = (*Source)(nil)

// Describe implements prometheus.Collector.
func (s *Source) Describe(ch chan<- *prometheus.Desc) {
	ch <- expiryDesc()
	ch <- writesDesc()
}

// Collect implements prometheus.Collector: when the served certificate expires, and how often caBundle was written.
func (s *Source) Collect(ch chan<- prometheus.Metric) {
	if cert := s.provider.current(); cert != nil {
		ch <- prometheus.MustNewConstMetric(expiryDesc(), prometheus.GaugeValue, float64(cert.Leaf.NotAfter.Unix()))
	}
	ch <- prometheus.MustNewConstMetric(writesDesc(), prometheus.CounterValue, float64(s.writes()))
}

func expiryDesc() *prometheus.Desc {
	return prometheus.NewDesc("lighterman_serving_certificate_expiry_timestamp_seconds",
		"When the certificate that the webhook serves expires, in seconds since 1970.", nil, nil)
}

func writesDesc() *prometheus.Desc {
	return prometheus.NewDesc("lighterman_ca_bundle_writes_total",
		"How often this replica wrote caBundle of the webhook configuration. It stands still but for a rotation.", nil, nil)
}
