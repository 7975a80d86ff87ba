package certs

import (
	"crypto/tls"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDecide(t *testing.T) {
	const settle = 5 * time.Second
	now := noon()
	ca := newTestCA(t, caCommonName, now.Add(-time.Hour), now.Add(time.Hour))
	// made returns a certificate that was signed ago and whose CA is held since ago.
	made := func(signedAgo, heldAgo time.Duration) *signed {
		cert := ca.leaf(t, "x", now.Add(-signedAgo), now.Add(time.Minute))
		return &signed{cert: cert, ca: ca.Certificate, since: now.Add(-heldAgo)}
	}
	untrusted := &signed{cert: ca.leaf(t, "x", now.Add(-time.Hour), now.Add(time.Minute))}
	expired := &signed{
		cert: ca.leaf(t, "x", now.Add(-time.Hour), now.Add(-time.Second)), ca: ca.Certificate, since: now.Add(-time.Hour),
	}
	young := newTestCA(t, caCommonName, now.Add(time.Minute), now.Add(time.Hour))
	ahead := &signed{cert: young.leaf(t, "x", now, now.Add(time.Hour)), ca: young.Certificate, since: now.Add(-time.Hour)}

	const (
		notSigned = "no certificate has been signed yet"
		notHeld   = "caBundle does not hold the CA of the new certificate yet"
		settling  = "caBundle holds the CA; API servers are given until 12:00:01 to read it"
	)
	tests := map[string]struct {
		serving, next *signed
		wantWait      string // empty: opens
	}{
		"nothing is signed":                                  {nil, nil, notSigned},
		"first, not held":                                    {nil, untrusted, notHeld},
		"first, held a moment":                               {nil, made(time.Minute, 4*time.Second), settling},
		"first, held for long, though just signed":           {nil, made(0, time.Hour), ""},
		"first, the CA is of a clock ahead":                  {nil, ahead, "caBundle holds the CA; API servers are given until 12:01:00 to read it"},
		"rotation, not held":                                 {made(time.Hour, time.Hour), untrusted, notHeld},
		"rotation, held a moment":                            {made(time.Hour, time.Hour), made(time.Hour, 4*time.Second), settling},
		"rotation, settled":                                  {made(time.Hour, time.Hour), made(time.Minute, 5*time.Second), ""},
		"renewal, just signed: clocks may differ":            {made(time.Hour, time.Hour), made(4*time.Second, time.Hour), settling},
		"renewal, signed some time ago":                      {made(time.Hour, time.Hour), made(5*time.Second, time.Hour), ""},
		"what is served is not trusted, next is: at once":    {untrusted, made(0, 0), ""},
		"what is served has expired, next is held: at once":  {expired, made(0, 0), ""},
		"what is served has expired, next is not held: keep": {expired, untrusted, notHeld},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			open, wait := mayServe(now, settle, test.serving, test.next)
			if diff := cmp.Diff(test.wantWait, wait); diff != "" {
				t.Errorf("wait (-want +got):\n%s", diff)
			}
			if open != (test.wantWait == "") {
				t.Errorf("open = %v", open)
			}
		})
	}
}

// TestRotationDuringRenewal replaces the CA while a renewal waits, shortly before what is served expires.
func TestRotationDuringRenewal(t *testing.T) {
	const settle = 5 * time.Second
	now := noon()
	ca := newTestCA(t, caCommonName, now.Add(-time.Hour), now.Add(time.Hour))
	next := newTestCA(t, caCommonName, now, now.Add(time.Hour))
	expiry := now.Add(7 * time.Second)
	serving := &signed{cert: ca.leaf(t, "x", now.Add(-time.Minute), expiry), ca: ca.Certificate, since: now.Add(-time.Hour)}
	pending := []*signed{
		{cert: ca.leaf(t, "x", now, now.Add(time.Minute)), ca: ca.Certificate, since: now.Add(-time.Hour)},
		{cert: next.leaf(t, "x", now, now.Add(time.Minute)), ca: next.Certificate, since: now.Add(3 * time.Second)},
	}
	for _, test := range []struct {
		after time.Duration
		want  int
	}{{0, -1}, {4 * time.Second, -1}, {5 * time.Second, 0}, {7 * time.Second, 0}, {8 * time.Second, 1}} {
		got, wait := newestServable(now.Add(test.after), settle, serving, pending)
		if got != test.want {
			t.Errorf("after %s, choose = %d, want %d", test.after, got, test.want)
		}
		if newest := test.want == 1; newest != (wait == "") {
			t.Errorf("after %s, the newest waits for %q", test.after, wait)
		}
	}
	if i, wait := newestServable(now, settle, nil, nil); i != -1 || wait == "" {
		t.Errorf("choose of nothing = %d, %q", i, wait)
	}
}

func TestEnqueue(t *testing.T) {
	certs := []*tls.Certificate{{}, {}, {}, {}, {}}
	var got []*tls.Certificate
	for _, cert := range certs {
		got = addPending(got, cert)
	}
	if want := []*tls.Certificate{certs[0], certs[1], certs[4]}; !slices.Equal(got, want) {
		t.Errorf("enqueue kept %v, want the two oldest and the newest", got)
	}
}

func TestObserve(t *testing.T) {
	now := noon()
	a := newTestCA(t, caCommonName, now.Add(-2*time.Hour), now.Add(time.Hour))
	b := newTestCA(t, caCommonName, now.Add(-time.Hour), now.Add(time.Hour))
	leafA := a.leaf(t, "x.y.svc", now, now.Add(time.Hour)).Leaf
	leafB := b.leaf(t, "x.y.svc", now, now.Add(time.Hour)).Leaf
	bundles := func(bundles ...string) [][]byte {
		var out [][]byte
		for _, bundle := range bundles {
			out = append(out, []byte(bundle))
		}
		return out
	}

	first := updateTrusted(nil, bundles(a.pem()), now)
	if got, ok := first.issuerOf(leafA, "x.y.svc"); !ok || !got.since.Equal(now) {
		t.Errorf("issuer = %v, %v, want since %v", got, ok, now)
	}
	if _, ok := first.issuerOf(leafB, "x.y.svc"); ok {
		t.Error("a CA that is not held, though its name is the same, is found as issuer")
	}
	if _, ok := first.issuerOf(leafA, "other.svc"); ok {
		t.Error("a certificate for another name is trusted")
	}

	second := updateTrusted(first, bundles(a.pem()+b.pem()), now.Add(time.Minute))
	if got, _ := second.issuerOf(leafA, "x.y.svc"); !got.since.Equal(now) {
		t.Errorf("a CA that stays is held since %v, want %v", got.since, now)
	}
	if got, _ := second.issuerOf(leafB, "x.y.svc"); !got.since.Equal(now.Add(time.Minute)) {
		t.Errorf("a CA that came is held since %v, want a minute later", got.since)
	}

	gone := updateTrusted(second, bundles(a.pem()), now.Add(2*time.Minute))
	back := updateTrusted(gone, bundles(a.pem()+b.pem()), now.Add(3*time.Minute))
	if got, _ := back.issuerOf(leafB, "x.y.svc"); !got.since.Equal(now.Add(3 * time.Minute)) {
		t.Errorf("a CA that went and came is held since %v, want its return", got.since)
	}

	partly := updateTrusted(back, bundles(a.pem()+b.pem(), a.pem()), now.Add(4*time.Minute))
	if _, ok := partly.issuerOf(leafB, "x.y.svc"); ok {
		t.Error("a CA that one of two webhooks lacks is held")
	}
	if _, ok := updateTrusted(back, bundles(a.pem(), ""), now).issuerOf(leafA, "x.y.svc"); ok {
		t.Error("a CA that one of two webhooks lacks is held")
	}
	if got := updateTrusted(back, nil, now); len(got) != 0 {
		t.Errorf("no webhooks hold %d CAs", len(got))
	}
}
