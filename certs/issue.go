package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// updateServing writes to the serving Secret the newest certificate that the gate lets pass, and the paths. It returns what the
// newest certificate waits for, or why the Secret cannot be written.
func (i *Issuer) updateServing(
	ctx context.Context, now time.Time, current serving, paths webhookPaths, writable bool,
) error {
	// An error is that there is none yet.
	if cert, err := i.signer.GetCertificate(nil); err == nil && cert != i.signed {
		i.signed = cert
		i.pending = addPending(i.pending, cert)
	}
	i.pending = slices.DeleteFunc(i.pending, func(cert *tls.Certificate) bool { return sameLeaf(cert, current.cert) })
	if writable && current.cert == nil && i.signed != nil && len(i.pending) == 0 {
		i.pending = []*tls.Certificate{i.signed} // The Secret was emptied.
	}
	at, wait := i.nextCertificate(now, current)
	data := map[string][]byte{}
	var next *signed
	if at >= 0 {
		next = i.findSigner(i.pending[at])
		encoded, err := encodeServing(next.cert, next.ca)
		if err != nil {
			return err
		}
		data = encoded
	}
	if !samePaths(paths, current.paths) {
		encoded, err := paths.encodeJSON()
		if err != nil {
			return fmt.Errorf("write the webhook's paths: %w", err)
		}
		data[pathsKey] = encoded
	}
	if len(data) > 0 && writable && i.served.backoff.mayTry(now) {
		err := i.served.setData(ctx, data)
		if apierrors.IsConflict(err) {
			return waitingError(err.Error())
		}
		if i.served.backoff.recordAttempt(now, err) != nil {
			return err
		}
		i.logWritten(next, current, paths)
		i.pending = i.pending[at+1:]
	}
	if i.served.backoff.failed != nil {
		return i.served.backoff.failed
	}
	if wait != "" {
		return waitingError(wait)
	}
	return nil
}

// nextCertificate returns the index of the pending certificate to serve next, -1 for none, and what the newest waits for.
func (i *Issuer) nextCertificate(now time.Time, current serving) (index int, wait string) {
	if len(i.pending) == 0 && current.cert != nil {
		return -1, ""
	}
	var served *signed
	if current.cert != nil {
		served = i.findSigner(current.cert)
	}
	pending := make([]*signed, 0, len(i.pending))
	for _, cert := range i.pending {
		pending = append(pending, i.findSigner(cert))
	}
	return newestServable(now, i.options.SettleDelay, served, pending)
}

// findSigner returns cert with the CA in caBundle that signed it.
func (i *Issuer) findSigner(cert *tls.Certificate) *signed {
	s := &signed{cert: cert}
	if ca, ok := i.config.issuerOf(cert.Leaf, i.options.DNSNames[0]); ok {
		s.ca, s.since = ca.cert, ca.since
	}
	return s
}

// logWritten logs the certificate and the paths that were written to the serving Secret.
func (i *Issuer) logWritten(next *signed, before serving, paths webhookPaths) {
	if next != nil {
		i.log.Info("issue new serving certificate", "serial", formatSerial(next.cert.Leaf), "ca", formatSerial(next.ca),
			"notAfter", next.cert.Leaf.NotAfter, "dnsNames", next.cert.Leaf.DNSNames,
			"previousSerial", servedSerial(before.cert), "previousCA", formatSerial(before.ca))
	}
	if !samePaths(paths, before.paths) {
		i.log.V(1).Info("change the paths that replicas accept", "paths", len(paths))
	}
}

// sameLeaf reports whether two certificates are the same.
func sameLeaf(a, b *tls.Certificate) bool {
	return a != nil && b != nil && a.Leaf.Equal(b.Leaf)
}

// samePaths reports whether two lists of paths are the same.
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
