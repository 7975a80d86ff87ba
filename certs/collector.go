package certs

import "github.com/prometheus/client_golang/prometheus"

var (
	_ prometheus.Collector = (*Source)(nil)
	_ prometheus.Collector = (*Issuer)(nil)
)

// Describe implements prometheus.Collector.
func (s *Source) Describe(ch chan<- *prometheus.Desc) {
	ch <- expiryDesc()
	ch <- pathDesc()
}

// Collect implements prometheus.Collector: when the served certificate expires, and when the newest path was made. Both show
// when no Issuer runs.
func (s *Source) Collect(ch chan<- prometheus.Metric) {
	if cert := s.provider.currentCertificate(); cert != nil {
		ch <- prometheus.MustNewConstMetric(expiryDesc(), prometheus.GaugeValue, float64(cert.Leaf.NotAfter.Unix()))
	}
	if created := s.pathCreated(); !created.IsZero() {
		ch <- prometheus.MustNewConstMetric(pathDesc(), prometheus.GaugeValue, float64(created.Unix()))
	}
}

// Describe implements prometheus.Collector.
func (i *Issuer) Describe(ch chan<- *prometheus.Desc) {
	ch <- caExpiryDesc()
	ch <- writesDesc()
}

// Collect implements prometheus.Collector: when the CA of the served certificate expires, and how often the webhook
// configuration was written.
func (i *Issuer) Collect(ch chan<- prometheus.Metric) {
	if ca := i.servingCA(); ca != nil {
		ch <- prometheus.MustNewConstMetric(caExpiryDesc(), prometheus.GaugeValue, float64(ca.NotAfter.Unix()))
	}
	ch <- prometheus.MustNewConstMetric(writesDesc(), prometheus.CounterValue, float64(i.config.writes.Load()))
}

func expiryDesc() *prometheus.Desc {
	return prometheus.NewDesc("lighterman_serving_certificate_expiry_timestamp_seconds",
		"When the certificate that the webhook serves expires, in seconds since 1970.", nil, nil)
}

func pathDesc() *prometheus.Desc {
	return prometheus.NewDesc("lighterman_webhook_path_created_timestamp_seconds",
		"When the newest path that this replica accepts was made, in seconds since 1970.", nil, nil)
}

func caExpiryDesc() *prometheus.Desc {
	return prometheus.NewDesc("lighterman_ca_expiry_timestamp_seconds",
		"When the CA of the certificate that the webhook serves expires, in seconds since 1970.", nil, nil)
}

func writesDesc() *prometheus.Desc {
	return prometheus.NewDesc("lighterman_webhook_configuration_writes_total",
		"How often this process wrote caBundle or the path of the webhook configuration.", nil, nil)
}
