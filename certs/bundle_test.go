package certs

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMergeBundle(t *testing.T) {
	now := noon()
	old := newTestCA(t, caCommonName, now.Add(-48*time.Hour), now.Add(time.Hour))
	current := newTestCA(t, caCommonName, now.Add(-24*time.Hour), now.Add(24*time.Hour))
	expired := newTestCA(t, caCommonName, now.Add(-72*time.Hour), now.Add(-time.Second))
	foreign := newTestCA(t, "somebody-else", now.Add(-time.Hour), now.Add(time.Hour))
	leaf := current.leaf(t, "x.y.svc", now, now.Add(time.Hour))
	leafPEM, keyPEM := pairPEM(t, leaf)

	tests := map[string]struct {
		in     string
		wanted []testCA
		want   []testCA
	}{
		"an empty bundle gets the CA":                       {"", []testCA{current}, []testCA{current}},
		"an old CA that is still valid stays, newest first": {old.pem(), []testCA{current}, []testCA{current, old}},
		"the order of arguments does not matter":            {current.pem(), []testCA{old}, []testCA{current, old}},
		"a CA that expired goes":                            {expired.pem() + current.pem(), []testCA{current}, []testCA{current}},
		"a CA that expired is not wanted":                   {"", []testCA{expired, current}, []testCA{current}},
		"a CA that is not ours goes":                        {foreign.pem() + current.pem(), []testCA{current}, []testCA{current}},
		"a certificate that is no CA goes":                  {string(leafPEM) + current.pem(), []testCA{current}, []testCA{current}},
		"nothing comes twice":                               {current.pem() + old.pem() + current.pem(), []testCA{old, current, old}, []testCA{current, old}},
		"garbage goes, what stands between it stays": {
			"# hand edit\n" + string(keyPEM) + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + old.pem() +
				"-----BEGIN CERTIFICATE-----\n!!\n" + "\n",
			[]testCA{current},
			[]testCA{current, old},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := mergeBundle([]byte(test.in), now, certificates(test.wanted)...)
			var want strings.Builder
			for _, ca := range test.want {
				want.WriteString(ca.pem())
			}
			if diff := cmp.Diff(want.String(), string(got)); diff != "" {
				t.Errorf("bundle (-want +got):\n%s", diff)
			}
			if again := mergeBundle(got, now, certificates(test.wanted)...); string(again) != string(got) {
				t.Error("a second merge changes the bundle")
			}
		})
	}
}

func TestMergeBundleConverges(t *testing.T) {
	now := noon()
	a := newTestCA(t, caCommonName, now.Add(-2*time.Hour), now.Add(time.Hour))
	b := newTestCA(t, caCommonName, now.Add(-time.Hour), now.Add(time.Hour))
	fromA := mergeBundle(mergeBundle(nil, now, a.Certificate), now, b.Certificate)
	fromB := mergeBundle(mergeBundle(nil, now, b.Certificate), now, a.Certificate)
	if diff := cmp.Diff(string(fromA), string(fromB)); diff != "" {
		t.Errorf("two replicas write different bundles:\n%s", diff)
	}
}

func TestMergeBundleIsBounded(t *testing.T) {
	now := noon()
	oldest := newTestCA(t, caCommonName, now.Add(-100*time.Hour), now.Add(time.Hour))
	bundle := []byte(oldest.pem())
	for i := range 2 * maxCAs {
		ca := newTestCA(t, caCommonName, now.Add(time.Duration(i-50)*time.Hour), now.Add(time.Hour))
		bundle = mergeBundle(bundle, now, ca.Certificate, oldest.Certificate)
	}
	got := parseBundle(bundle)
	if len(got) != maxCAs {
		t.Errorf("bundle holds %d CAs, want %d", len(got), maxCAs)
	}
	if !got[len(got)-1].Equal(oldest.Certificate) {
		t.Error("the CA that is still wanted went")
	}
}

func FuzzParseBundle(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Fuzz(func(t *testing.T, bundle []byte) {
		merged := mergeBundle(bundle, noon())
		if again := mergeBundle(merged, noon()); string(again) != string(merged) {
			t.Error("merge is not stable")
		}
	})
}

func certificates(cas []testCA) []*x509.Certificate {
	out := make([]*x509.Certificate, 0, len(cas))
	for _, ca := range cas {
		out = append(out, ca.Certificate)
	}
	return out
}
