package webhook

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/webhook/caller"
	"lighterman.dev/lighterman/webhook/resolve"
	"lighterman.dev/lighterman/webhook/serviceaccounts"
)

// unproven makes the handler one that authenticates no caller.
func unproven(h *Handler) {
	h.Gate = Gate{ReleaseNamespace: "lighterman-system"}.prepare(h.Metrics, logr.Discard())
}

// backupPod is a pod of the service account backup that names the profile pg.
const backupPod = `{"metadata":{"annotations":{"lighterman.dev/profile":"pg"}},"spec":{"serviceAccountName":"backup","containers":[{"name":"dump"}]}}`

func TestOnlyPodsThatTheAPIServerSends(t *testing.T) {
	t.Parallel()
	const named, plain = `{"metadata":{"annotations":{"lighterman.dev/profile":"pg"}},"spec":{"containers":[{"name":"dump"}]}}`, `{"spec":{"containers":[{"name":"dump"}]}}`
	tests := map[string]struct {
		namespace, pod, label string
		cached                bool // the cache has the label, else only the API server
		refusedBy             string
	}{
		"enabled":                              {"payments", named, "enabled", true, ""},
		"selected":                             {"payments", named, "selected", true, ""},
		"selected, a pod that names none":      {"payments", plain, "selected", true, ""},
		"labelled just now":                    {"payments", named, "enabled", false, ""},
		"enabled, a pod that names none":       {"payments", plain, "enabled", true, reasonNotOptedIn},
		"another value":                        {"payments", named, "true", true, reasonNotOptedIn},
		"no label":                             {"payments", named, "", true, reasonNotOptedIn},
		"kube-system, whatever its label":      {"kube-system", named, "enabled", true, reasonSystemNamespace},
		"kube-node-lease":                      {"kube-node-lease", named, "selected", true, reasonSystemNamespace},
		"kube-public":                          {"kube-public", named, "selected", true, reasonSystemNamespace},
		"Lighterman's own, whatever its label": {"lighterman-system", named, "enabled", true, reasonSystemNamespace},
	}
	for name, test := range tests {
		for _, proven := range []bool{true, false} {
			with, without := &fakecluster.Source{}, &fakecluster.Source{}
			for m, value := range map[*fakecluster.Source]string{with: test.label, without: ""} {
				m.Profiles = []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "")}
				m.Namespaces = map[string]map[string]string{test.namespace: {injector.NamespaceLabel: value}}
			}
			cached := with
			if !test.cached {
				cached = without
			}
			h, _ := newHandler(t, cached, with)
			if !proven {
				unproven(h)
			}
			r := responseOf(t, post(h, reviewOf(test.pod, func(request map[string]any) { request["namespace"] = test.namespace })))
			refusedBy := test.refusedBy
			if !proven && !test.cached {
				refusedBy = reasonNotOptedIn // The API server is not asked for a stranger.
			}
			if refusedBy == "" {
				if !r.Allowed {
					t.Errorf("%s, proven %v: denied: %s", name, proven, r.Result.Message)
				}
				continue
			}
			if r.Allowed || !strings.Contains(r.Result.Message, caller.Message) || r.Result.Code != http.StatusForbidden || r.Patch != nil || r.Warnings != nil {
				t.Errorf("%s, proven %v: got %+v", name, proven, r)
			}
			if n := testutil.ToFloat64(h.Metrics.requests.WithLabelValues(outcomeRefused, refusedBy)); n != 1 {
				t.Errorf("%s, proven %v: %v refusals counted", name, proven, n)
			}
		}
	}
}

// A review that nothing proves is decided by the caches, and writes neither a service account nor an event.
func TestUnprovenReviewsCauseNoIO(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		profile  string // its spec
		accounts fakecluster.Accounts
		want     string // of the denial; empty: allowed
	}{
		"everything is there":   {gke, fakecluster.Accounts{CachedAnnotations: map[string]string{gcpKey: "x@p.iam.gserviceaccount.com"}}, ""},
		"nothing to annotate":   {irsa, fakecluster.Accounts{}, ""},
		"a named account":       {gke + "  allowedServiceAccounts: [backup]\n", fakecluster.Accounts{CachedAnnotations: map[string]string{}}, "does not have the annotations of CredentialProfile payments/pg yet: Lighterman is writing them, so try again"},
		"an account of no name": {gke, fakecluster.Accounts{CachedAnnotations: map[string]string{}}, "name backup in spec.allowedServiceAccounts of the profile, or run kubectl annotate serviceaccount backup -n payments " + gcpKey + "=x@"},
		"another value":         {gke + "  allowedServiceAccounts: [backup]\n", fakecluster.Accounts{CachedAnnotations: map[string]string{gcpKey: "y"}}, "Lighterman does not overwrite it: run kubectl annotate serviceaccount backup -n payments " + gcpKey + "=x@p.iam.gserviceaccount.com --overwrite"},
		"an unknown account":    {gke, fakecluster.Accounts{}, "service account payments/backup is not known yet: try again"},
		"annotate is Never":     {gke + never, fakecluster.Accounts{CachedAnnotations: map[string]string{}}, "spec.serviceAccount.annotate is Never: run kubectl annotate"},
	}
	for name, test := range tests {
		store := &fakecluster.Source{Profiles: []resolve.ScopedProfile{profileOf(t, "pg", test.profile)}}
		h, events := newHandler(t, store, &fakecluster.Source{Err: fmt.Errorf("the API server is asked")})
		unproven(h)
		accounts := test.accounts
		h.Annotator = &serviceaccounts.Annotator{Client: &accounts, Profiles: h.Live, Writes: h.Metrics.writes, Log: logr.Discard()}
		r := responseOf(t, post(h, reviewOf(backupPod)))
		if test.want == "" && !r.Allowed || test.want != "" && (r.Allowed || !strings.Contains(r.Result.Message, test.want)) {
			t.Errorf("%s: got %+v, want %q", name, r.Result, test.want)
		}
		if len(accounts.Calls) > 0 || len(events.notes) > 0 {
			t.Errorf("%s: calls %v, events %v", name, accounts.Calls, events.notes)
		}
	}
	store := &fakecluster.Source{}
	h, _ := newHandler(t, store, &fakecluster.Source{Profiles: []resolve.ScopedProfile{testProfile(t, namespaced, "pg", "")}})
	unproven(h)
	if r := responseOf(t, post(h, reviewOf(backupPod))); r.Allowed || !strings.Contains(r.Result.Message, "there is no CredentialProfile") {
		t.Errorf("a profile that only the API server knows: got %+v", r)
	}
}

// With --annotate-named-only even the API server's reviews write nothing, but what the cache lacks is looked up.
func TestNamedAccountsOnly(t *testing.T) {
	t.Parallel()
	x := map[string]string{gcpKey: "x@p.iam.gserviceaccount.com"}
	tests := map[string]struct {
		accounts fakecluster.Accounts
		want     string
	}{
		"the cache lags":      {fakecluster.Accounts{CachedAnnotations: map[string]string{}, LiveAnnotations: x}, ""},
		"not annotated yet":   {fakecluster.Accounts{CachedAnnotations: map[string]string{}, LiveAnnotations: map[string]string{}}, "name backup in spec.allowedServiceAccounts"},
		"there is no account": {fakecluster.Accounts{}, "there is no service account"},
	}
	for name, test := range tests {
		store := &fakecluster.Source{Profiles: []resolve.ScopedProfile{profileOf(t, "pg", gke)}}
		h, _ := newHandler(t, store, store)
		h.Gate.NamedAccountsOnly = true
		accounts := test.accounts
		h.Annotator = &serviceaccounts.Annotator{Client: &accounts, Profiles: store, Writes: h.Metrics.writes, Log: logr.Discard()}
		r := responseOf(t, post(h, reviewOf(backupPod)))
		if test.want == "" && !r.Allowed || test.want != "" && (r.Allowed || !strings.Contains(r.Result.Message, test.want)) {
			t.Errorf("%s: got %+v, want %q", name, r.Result, test.want)
		}
		if slices.Contains(accounts.Calls, "apply") || slices.Contains(accounts.Calls, "dry run") {
			t.Errorf("%s: calls %v", name, accounts.Calls)
		}
	}
}

// TestCacheOnlyReadsNothingLive: the default profile of an account that the cache does not know is not looked up for a
// review whose sender is not proven.
func TestCacheOnlyReadsNothingLive(t *testing.T) {
	t.Parallel()
	accounts := &fakecluster.Accounts{LiveAnnotations: map[string]string{injector.AnnotationProfile: "pg"}}
	_, err := serviceaccounts.CacheOnly(accounts)(t.Context(), types.NamespacedName{Namespace: "payments", Name: "backup"})
	if err == nil || !strings.Contains(err.Error(), "not known yet") || len(accounts.Calls) > 0 {
		t.Errorf("got %v, calls %v", err, accounts.Calls)
	}
}

func TestCallersAreCounted(t *testing.T) {
	t.Parallel()
	h, _ := newHandler(t, &fakecluster.Source{}, &fakecluster.Source{})
	post(h, reviewOf(podWith("")))
	if n := testutil.ToFloat64(h.Metrics.callers.WithLabelValues(string(caller.SecretPath))); n != 1 {
		t.Errorf("%v reviews counted", n)
	}
	for _, method := range caller.Methods {
		want := 0.0
		if method == caller.SecretPath {
			want = 1
		}
		if got := testutil.ToFloat64(h.Metrics.methods.WithLabelValues(string(method))); got != want {
			t.Errorf("method %s is %v, want %v", method, got, want)
		}
	}
}
