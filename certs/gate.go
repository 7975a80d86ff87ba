package certs

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// held is what the API server last showed of caBundle: the CAs that all webhooks of the configuration hold.
type held map[fingerprint]heldCA

type heldCA struct {
	cert  *x509.Certificate
	since time.Time
}

// observe returns what is held now. A CA that previous has keeps its time; one that is new is held since since.
func observe(previous held, bundles [][]byte, since time.Time) held {
	next := held{}
	for i, bundle := range bundles {
		inThis := held{}
		for _, cert := range parseBundle(bundle) {
			id := fingerprintOf(cert)
			if ca, ok := previous[id]; ok {
				inThis[id] = ca
			} else {
				inThis[id] = heldCA{cert: cert, since: since}
			}
		}
		if i == 0 {
			next = inThis
			continue
		}
		for id := range next {
			if _, ok := inThis[id]; !ok {
				delete(next, id)
			}
		}
	}
	return next
}

// issuer returns the held CA by which an API server would accept leaf under the name dnsName.
func (h held) issuer(leaf *x509.Certificate, dnsName string) (heldCA, bool) {
	for _, ca := range h {
		roots := x509.NewCertPool()
		roots.AddCert(ca.cert)
		// What time it is does not matter here, see decide. The CA may come from a replica whose clock is ahead of ours.
		at := later(leaf.NotBefore, ca.cert.NotBefore)
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: dnsName, CurrentTime: at}); err == nil {
			return ca, true
		}
	}
	return heldCA{}, false
}

// signed is a serving certificate and what caBundle says of the CA that signed it.
type signed struct {
	cert *tls.Certificate
	// ca is the CA by which caBundle trusts cert, nil when it does not.
	ca *x509.Certificate
	// since is when caBundle came to hold ca.
	since time.Time
}

func (s *signed) usable(now time.Time) bool {
	return s != nil && s.ca != nil && !now.After(s.cert.Leaf.NotAfter)
}

// decide says whether next is to be served in place of serving, and if not, what that waits for. Either may be nil.
func decide(now time.Time, settle time.Duration, serving, next *signed) (open bool, wait string) {
	switch {
	case next == nil:
		return false, "no certificate has been signed yet"
	case next.ca == nil:
		return false, "caBundle does not hold the CA of the new certificate yet"
	case serving != nil && !serving.usable(now):
		// Requests fail already: next can only be better.
		return true, ""
	}
	valid := later(next.cert.Leaf.NotBefore, next.ca.NotBefore)
	from := next.since.Add(settle)
	if serving == nil {
		from = later(from, valid)
	} else {
		// An API server whose clock is a little behind would find the certificate not yet valid. There is no hurry:
		// the one that is served is good for a third of its life.
		from = later(from, valid.Add(settle))
	}
	if now.Before(from) {
		return false, fmt.Sprintf("caBundle holds the CA; API servers are given until %s to read it", from.Format(time.TimeOnly))
	}
	return true, ""
}

// choose returns which of pending, the oldest first, is to be served in place of serving: the newest that may be. It
// is -1 for none, and wait says what the newest waits for.
func choose(now time.Time, settle time.Duration, serving *signed, pending []*signed) (index int, wait string) {
	if len(pending) == 0 {
		_, wait = decide(now, settle, serving, nil)
		return -1, wait
	}
	for i, next := range slices.Backward(pending) {
		open, why := decide(now, settle, serving, next)
		if i == len(pending)-1 {
			wait = why
		}
		if open {
			return i, wait
		}
	}
	return -1, wait
}

// maxPending bounds what waits to be served.
const maxPending = 3

// enqueue adds cert to pending, the oldest first. A certificate is not dropped because a newer one came: if a renewal
// waits and the CA is replaced, the renewal may be served first, and the one that is served may end before the other may.
// What is dropped, if need be, is the newest but one, so that in a row of rotations the oldest comes to its turn.
func enqueue(pending []*tls.Certificate, cert *tls.Certificate) []*tls.Certificate {
	if len(pending) == maxPending {
		pending = pending[:maxPending-1]
	}
	return append(slices.Clone(pending), cert)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
