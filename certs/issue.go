package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// advance writes to the serving Secret the newest certificate that the gate lets pass, and the paths. It returns what the
// newest certificate waits for, or why the Secret cannot be written.
func (i *Issuer) advance(ctx context.Context, now time.Time, current serving, paths webhookPaths, writable bool) error {
	// An error is that there is none yet.
	if cert, err := i.signer.GetCertificate(nil); err == nil && cert != i.signed {
		i.signed = cert
		i.pending = enqueue(i.pending, cert)
	}
	i.pending = slices.DeleteFunc(i.pending, func(cert *tls.Certificate) bool { return sameLeaf(cert, current.cert) })
	if writable && current.cert == nil && i.signed != nil && len(i.pending) == 0 {
		i.pending = []*tls.Certificate{i.signed} // The Secret was emptied.
	}
	at, wait := i.chooseCertificate(now, current)
	data := map[string][]byte{}
	var next *signed
	if at >= 0 {
		next = i.judge(i.pending[at])
		encoded, err := encodeServing(next.cert, next.ca)
		if err != nil {
			return err
		}
		data = encoded
	}
	if !samePaths(paths, current.paths) {
		encoded, err := paths.encode()
		if err != nil {
			return fmt.Errorf("write the webhook's paths: %w", err)
		}
		data[pathsKey] = encoded
	}
	if len(data) > 0 && writable && i.served.backoff.allows(now) {
		err := i.served.set(ctx, data)
		if apierrors.IsConflict(err) {
			return waiting(err.Error())
		}
		if i.served.backoff.done(now, err) != nil {
			return err
		}
		i.wrote(next, current, paths)
		i.pending = i.pending[at+1:]
	}
	if i.served.backoff.failed != nil {
		return i.served.backoff.failed
	}
	if wait != "" {
		return waiting(wait)
	}
	return nil
}

// chooseCertificate returns which of the pending certificates is to be served, -1 for none, and what the newest waits for.
func (i *Issuer) chooseCertificate(now time.Time, current serving) (index int, wait string) {
	if len(i.pending) == 0 && current.cert != nil {
		return -1, ""
	}
	var served *signed
	if current.cert != nil {
		served = i.judge(current.cert)
	}
	pending := make([]*signed, 0, len(i.pending))
	for _, cert := range i.pending {
		pending = append(pending, i.judge(cert))
	}
	return choose(now, i.options.SettleDelay, served, pending)
}

// judge returns cert with what caBundle says of the CA that signed it.
func (i *Issuer) judge(cert *tls.Certificate) *signed {
	s := &signed{cert: cert}
	if ca, ok := i.config.issuer(cert.Leaf, i.options.DNSNames[0]); ok {
		s.ca, s.since = ca.cert, ca.since
	}
	return s
}

// wrote logs what was written to the serving Secret.
func (i *Issuer) wrote(next *signed, before serving, paths webhookPaths) {
	if next != nil {
		i.log.Info("Issue new serving certificate", "serial", serial(next.cert.Leaf), "ca", serial(next.ca),
			"notAfter", next.cert.Leaf.NotAfter, "dnsNames", next.cert.Leaf.DNSNames,
			"previousSerial", servedSerial(before.cert), "previousCA", serial(before.ca))
	}
	if !samePaths(paths, before.paths) {
		i.log.V(1).Info("Change the paths that replicas accept", "paths", len(paths))
	}
}

func sameLeaf(a, b *tls.Certificate) bool {
	return a != nil && b != nil && a.Leaf.Equal(b.Leaf)
}

func samePaths(a, b webhookPaths) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Token != b[i].Token {
			return false
		}
	}
	return true
}
