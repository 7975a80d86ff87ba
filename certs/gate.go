package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// trustedCAs are the CAs by which API servers trust the webhook: those in the caBundle of every webhook of the configuration,
// as the API server last returned it.
type trustedCAs map[fingerprint]trustedCA

// trustedCA is one of them.
type trustedCA struct {
	cert  *x509.Certificate
	since time.Time
}

// updateTrusted returns the CAs that all bundles hold. A CA of previous keeps its time; a new one is trusted since since.
func updateTrusted(previous trustedCAs, bundles [][]byte, since time.Time) trustedCAs {
	next := trustedCAs{}
	for i, bundle := range bundles {
		ofBundle := trustedCAs{}
		for _, cert := range parseBundle(bundle) {
			id := fingerprintOf(cert)
			if ca, ok := previous[id]; ok {
				ofBundle[id] = ca
			} else {
				ofBundle[id] = trustedCA{cert: cert, since: since}
			}
		}
		if i == 0 {
			next = ofBundle
			continue
		}
		for id := range next {
			if _, ok := ofBundle[id]; !ok {
				delete(next, id)
			}
		}
	}
	return next
}

// issuerOf returns the CA by which an API server would accept leaf under the name dnsName.
func (t trustedCAs) issuerOf(leaf *x509.Certificate, dnsName string) (trustedCA, bool) {
	for _, ca := range t {
		roots := x509.NewCertPool()
		roots.AddCert(ca.cert)
		// The present time does not matter here, see mayServe. The CA may come from a replica whose clock is ahead of ours.
		at := maxTime(leaf.NotBefore, ca.cert.NotBefore)
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: dnsName, CurrentTime: at}); err == nil {
			return ca, true
		}
	}
	return trustedCA{}, false
}

// signed is a serving certificate with the CA in caBundle that signed it.
type signed struct {
	cert *tls.Certificate
	// ca is the CA by which caBundle trusts cert, nil when it does not.
	ca *x509.Certificate
	// since is the time at which caBundle first held ca.
	since time.Time
}

// isUsable reports whether API servers accept the certificate now.
func (s *signed) isUsable(now time.Time) bool {
	return s != nil && s.ca != nil && !now.After(s.cert.Leaf.NotAfter)
}

// mayServe reports whether next may be served in place of serving, and if not, what it waits for. Either may be nil.
func mayServe(now time.Time, settle time.Duration, serving, next *signed) (open bool, wait string) {
	switch {
	case next == nil:
		return false, "no certificate has been signed yet"
	case next.ca == nil:
		return false, "caBundle does not hold the CA of the new certificate yet"
	case serving != nil && !serving.isUsable(now):
		// Requests fail already: next can only be better.
		return true, ""
	}
	valid := maxTime(next.cert.Leaf.NotBefore, next.ca.NotBefore)
	from := next.since.Add(settle)
	if serving == nil {
		from = maxTime(from, valid)
	} else {
		// An API server whose clock is a little behind would find the certificate not yet valid. There is no hurry:
		// the one that is served is good for a third of its life.
		from = maxTime(from, valid.Add(settle))
	}
	if now.Before(from) {
		return false, fmt.Sprintf("caBundle holds the CA; API servers are given until %s to read it", from.Format(time.TimeOnly))
	}
	return true, ""
}

// newestServable returns the index of the newest of pending, the oldest first, that may be served in place of serving; -1 for
// none. wait is what the newest of all waits for.
func newestServable(now time.Time, settle time.Duration, serving *signed, pending []*signed) (index int, wait string) {
	if len(pending) == 0 {
		_, wait = mayServe(now, settle, serving, nil)
		return -1, wait
	}
	for i, next := range slices.Backward(pending) {
		open, why := mayServe(now, settle, serving, next)
		if i == len(pending)-1 {
			wait = why
		}
		if open {
			return i, wait
		}
	}
	return -1, wait
}

// maxPending bounds the certificates that wait to be served.
const maxPending = 3

// addPending adds cert to pending, the oldest first. A certificate is not dropped because a newer one came: if a renewal
// waits and the CA is replaced, the renewal may be served first, and the present certificate may expire before the other may be
// served. If there are too many, the newest but one is dropped, so that in a row of rotations the oldest gets its turn.
func addPending(pending []*tls.Certificate, cert *tls.Certificate) []*tls.Certificate {
	if len(pending) == maxPending {
		pending = pending[:maxPending-1]
	}
	return append(slices.Clone(pending), cert)
}

// maxTime returns the later of two times.
func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
