package serviceaccounts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/webhook/resolve"
)

func TestRequesters(t *testing.T) {
	t.Parallel()
	refs := []resolve.Ref{{Kind: v1alpha1.KindClusterCredentialProfile, Name: "all"}, {Kind: v1alpha1.KindCredentialProfile, Name: "pg"}}
	if diff := cmp.Diff(refs, parseRequesters(formatRequesters(refs))); diff != "" {
		t.Error(diff)
	}
	if got := parseRequesters("x,CredentialProfile/,CredentialProfile/a/b,ClusterCredentialProfile/../x,Pod/x,,CredentialProfile/a,CredentialProfile/a"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if got := parseRequesters(strings.Repeat("CredentialProfile/a,", 9) + strings.Join(many(1000), ",")); len(got) != maxRequesters {
		t.Errorf("%d profiles are looked at, want %d", len(got), maxRequesters)
	}
}

func many(n int) []string {
	items := make([]string, n)
	for i := range items {
		items[i] = "CredentialProfile/p" + strings.Repeat("x", i)
	}
	return items
}
