package webhook

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/webhook/resolve"
)

func TestAdmission(t *testing.T) {
	t.Parallel()
	selector := "  selector: {podSelector: {matchLabels: {app: pg}}}\n"
	tests := map[string]struct {
		profiles    []resolve.ScopedProfile
		annotations string
		wantProfile string // of the audit annotation
		wantPatched bool
		wantDenied  string // part of the message
		wantReason  string
		wantEvent   string
	}{
		"a pod that names a profile is injected": {
			profiles: []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "")}, annotations: `"lighterman.dev/profile":"pg"`,
			wantProfile: "CredentialProfile payments/pg", wantPatched: true,
		},
		"a pod that names no profile is left alone": {
			profiles: []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "")},
		},
		"a pod that opts out is left alone": {
			profiles:    []resolve.ScopedProfile{testProfile(t, namespaced, "pg", selector)},
			annotations: `"lighterman.dev/profile":"pg","lighterman.dev/inject":"false"`,
		},
		"both annotations are an error": {
			annotations: `"lighterman.dev/profile":"a","lighterman.dev/cluster-profile":"b"`,
			wantDenied:  "both annotations", wantReason: "BothProfiles",
		},
		"an empty annotation is an error": {
			annotations: `"lighterman.dev/profile":""`,
			wantDenied:  "write the name of a CredentialProfile", wantReason: "InvalidAnnotation",
		},
		"an unknown profile is denied": {
			annotations: `"lighterman.dev/profile":"pg"`,
			wantDenied:  `there is no CredentialProfile "pg" in namespace payments`, wantReason: "UnknownProfile",
		},
		"an unknown cluster profile is denied": {
			profiles: []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "")}, annotations: `"lighterman.dev/cluster-profile":"pg"`,
			wantDenied: `there is no ClusterCredentialProfile "pg"`, wantReason: "UnknownProfile",
		},
		"a cluster profile serves the namespaces that it allows": {
			profiles:    []resolve.ScopedProfile{testProfile(t, cluster, "pg", "  allowedNamespaces: {matchLabels: {team: payments}}")},
			annotations: `"lighterman.dev/cluster-profile":"pg"`,
			wantProfile: "ClusterCredentialProfile pg", wantPatched: true,
		},
		"a cluster profile serves no other namespace": {
			profiles:    []resolve.ScopedProfile{testProfile(t, cluster, "pg", "  allowedNamespaces: {matchLabels: {team: other}}")},
			annotations: `"lighterman.dev/cluster-profile":"pg"`,
			wantDenied:  "does not allow namespace payments", wantReason: "NamespaceNotAllowed",
			wantEvent: "NamespaceNotAllowed pg payments/dump-*",
		},
		"a cluster profile without allowedNamespaces serves none": {
			profiles: []resolve.ScopedProfile{testProfile(t, cluster, "pg", "")}, annotations: `"lighterman.dev/cluster-profile":"pg"`,
			wantDenied: "does not allow namespace payments", wantReason: "NamespaceNotAllowed",
			wantEvent: "NamespaceNotAllowed pg payments/dump-*",
		},
		"a cluster profile with empty allowedNamespaces serves none": {
			profiles:    []resolve.ScopedProfile{testProfile(t, cluster, "pg", "  allowedNamespaces: {}")},
			annotations: `"lighterman.dev/cluster-profile":"pg"`,
			wantDenied:  "does not allow namespace payments", wantReason: "NamespaceNotAllowed",
			wantEvent: "NamespaceNotAllowed pg payments/dump-*",
		},
		"a service account that is not allowed is denied": {
			profiles:    []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "  allowedServiceAccounts: [backup, restore]")},
			annotations: `"lighterman.dev/profile":"pg"`,
			wantDenied:  "does not allow service account default: run the pod as one of backup, restore",
			wantReason:  "ServiceAccountNotAllowed", wantEvent: "ServiceAccountNotAllowed payments/pg payments/dump-*",
		},
		"a service account that is allowed is injected": {
			profiles:    []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "  allowedServiceAccounts: [default]")},
			annotations: `"lighterman.dev/profile":"pg"`,
			wantProfile: "CredentialProfile payments/pg", wantPatched: true,
		},
		"a selector finds a pod without annotations": {
			profiles:    []resolve.ScopedProfile{testProfile(t, namespaced, "pg", selector), testProfile(t, namespaced, "other", "")},
			wantProfile: "CredentialProfile payments/pg", wantPatched: true,
		},
		"a selector of service accounts finds the default one": {
			profiles:    []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "  selector: {serviceAccounts: [default]}")},
			wantProfile: "CredentialProfile payments/pg", wantPatched: true,
		},
		"a selector must match as a whole": {
			profiles: []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "  selector: {podSelector: {matchLabels: {app: pg}}, serviceAccounts: [backup]}")},
		},
		"an annotation wins over a selector": {
			profiles:    []resolve.ScopedProfile{testProfile(t, namespaced, "pg", selector), testProfile(t, namespaced, "other", "")},
			annotations: `"lighterman.dev/profile":"other"`,
			wantProfile: "CredentialProfile payments/other", wantPatched: true,
		},
		"two selectors that match are an error": {
			profiles:   []resolve.ScopedProfile{testProfile(t, namespaced, "pg", selector), testProfile(t, namespaced, "other", selector)},
			wantDenied: "CredentialProfile payments/other, CredentialProfile payments/pg", wantReason: "AmbiguousSelector",
		},
		"a cluster profile's selector does not reach namespaces that it does not allow": {
			profiles:    []resolve.ScopedProfile{testProfile(t, namespaced, "pg", selector), testProfile(t, cluster, "all", selector)},
			wantProfile: "CredentialProfile payments/pg", wantPatched: true,
		},
		"a profile that is not supported is denied with every field": {
			profiles:    []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "  tools: [s3proxy]\n  uploader: {path: /backup, key: constant}")},
			annotations: `"lighterman.dev/profile":"pg"`,
			wantDenied:  "spec.uploader.key: ", wantReason: "InvalidProfile",
			wantEvent: "InvalidProfile payments/pg payments/dump-*",
		},
		"a record on a pod that nothing selects is denied": {
			profiles:    []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "")},
			annotations: `"lighterman.dev/injected":"{}"`,
			wantDenied:  "only Lighterman writes this annotation", wantReason: "Collision",
		},
		"an unknown container is denied": {
			profiles:    []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "")},
			annotations: `"lighterman.dev/profile":"pg","lighterman.dev/containers":"dmup"`,
			wantDenied:  `no container "dmup"; it has dump`, wantReason: "UnknownContainer",
			wantEvent: "UnknownContainer payments/pg payments/dump-*",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := &fakecluster.Source{Profiles: test.profiles, Namespaces: map[string]map[string]string{"payments": {"team": "payments"}}}
			h, events := newHandler(t, store, store)
			w := post(h, reviewOf(podWith(test.annotations)))
			r := responseOf(t, w)
			if w.Code != http.StatusOK || r.UID != "u-1" {
				t.Errorf("status %d, uid %q", w.Code, r.UID)
			}
			if test.wantDenied != "" {
				if r.Allowed || r.Result.Code != http.StatusForbidden || !strings.Contains(r.Result.Message, test.wantDenied) {
					t.Errorf("got %+v, want a denial with %q", r.Result, test.wantDenied)
				}
				if n := testutil.ToFloat64(h.Metrics.requests.WithLabelValues(outcomeDenied, test.wantReason)); n != 1 {
					t.Errorf("%v denials counted for %s, want 1", n, test.wantReason)
				}
			} else if !r.Allowed {
				t.Errorf("denied: %s", r.Result.Message)
			}
			if got := r.AuditAnnotations["profile"]; got != test.wantProfile {
				t.Errorf("audit annotation %q, want %q", got, test.wantProfile)
			}
			if patched := len(r.Patch) > 0; patched != test.wantPatched || patched != (r.PatchType != nil) {
				t.Errorf("patched: %v, want %v", patched, test.wantPatched)
			}
			var want []string
			if test.wantEvent != "" {
				want = []string{test.wantEvent}
			}
			if diff := cmp.Diff(want, events.notes); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDenialIsDecidedOnceMoreLive(t *testing.T) {
	t.Parallel()
	live := &fakecluster.Source{Profiles: []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "")}}
	stale := testProfile(t, namespaced, "pg", "  tools: [s3proxy]")
	for name, cached := range map[string]*fakecluster.Source{
		"profile not in the cache yet":      {},
		"profile mended since":              {Profiles: []resolve.ScopedProfile{stale}},
		"profile has other accounts by now": {Profiles: []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "  allowedServiceAccounts: [x]")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, events := newHandler(t, cached, live)
			if r := responseOf(t, post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg"`)))); !r.Allowed || len(r.Patch) == 0 {
				t.Errorf("got %+v, want the pod injected", r.Result)
			}
			if len(events.notes) > 0 {
				t.Errorf("events: %v", events.notes)
			}
		})
	}
}

func TestLiveLookupIsOnlyForDenials(t *testing.T) {
	t.Parallel()
	cached, live := &fakecluster.Source{Profiles: []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "")}}, &fakecluster.Source{}
	h, _ := newHandler(t, cached, live)
	post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg"`)))
	post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg","lighterman.dev/tools":"none"`)))
	if cached.Reads.Load() != 2 || live.Reads.Load() != 0 {
		t.Errorf("asked the cache %d times and the API server %d times, want 2 and 0", cached.Reads.Load(), live.Reads.Load())
	}
}

func TestAPIServerOutOfReachIsAnErrorAndNoDenial(t *testing.T) {
	t.Parallel()
	h, _ := newHandler(t, &fakecluster.Source{}, &fakecluster.Source{Err: errors.New("connection refused")})
	r := responseOf(t, post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg"`))))
	if r.Allowed || r.Result.Code != http.StatusInternalServerError || !strings.Contains(r.Result.Message, "connection refused") {
		t.Errorf("got %+v", r.Result)
	}
}

func TestDryRunWritesNoEvent(t *testing.T) {
	t.Parallel()
	store := &fakecluster.Source{Profiles: []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "  tools: [s3proxy]")}}
	h, events := newHandler(t, store, store)
	body := reviewOf(podWith(`"lighterman.dev/profile":"pg"`), func(r map[string]any) { r["dryRun"] = true })
	if r := responseOf(t, post(h, body)); r.Allowed {
		t.Error("allowed")
	}
	if len(events.notes) > 0 {
		t.Errorf("events: %v", events.notes)
	}
}
