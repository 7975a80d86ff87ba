package webhook

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/webhook/resolve"
	"lighterman.dev/lighterman/webhook/serviceaccounts"
)

const (
	gcpKey  = "iam.gke.io/gcp-service-account"
	roleKey = "eks.amazonaws.com/role-arn"
	forKey  = "lighterman.dev/annotated-for"

	gke    = "  gcs: {bucket: b, auth: {gkeWorkloadIdentity: {serviceAccount: x@p.iam.gserviceaccount.com}}}\n"
	gkeOfY = "  gcs: {bucket: b, auth: {gkeWorkloadIdentity: {serviceAccount: y@p.iam.gserviceaccount.com}}}\n"
	irsa   = "  s3: {bucket: b, region: eu-west-1, auth: {webIdentity: {roleARN: 'arn:aws:iam::111122223333:role/x'}}}\n"
	always = "  serviceAccount: {annotate: Always}\n"
	never  = "  serviceAccount: {annotate: Never}\n"
)

// TestAnnotateBeforeAdmission: a pod is admitted once its service account has what its profile requests, and a denial because
// of the account is decided once more by the API server.
func TestAnnotateBeforeAdmission(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		accounts   fakecluster.Accounts
		wantCalls  []string
		wantDenied string
	}{
		"annotated": {
			accounts:  fakecluster.Accounts{CachedAnnotations: map[string]string{}, LiveAnnotations: map[string]string{}},
			wantCalls: []string{"read", "apply"},
		},
		"owned by another": {
			accounts: fakecluster.Accounts{
				CachedAnnotations: map[string]string{}, LiveAnnotations: map[string]string{gcpKey: "y"},
				Conflict: &serviceaccounts.FieldConflictError{Key: gcpKey, Owner: "terraform"},
			},
			wantCalls:  []string{"read", "apply", "read", "apply"},
			wantDenied: `written by "terraform"`,
		},
		"no account": {wantCalls: []string{"read", "read"}, wantDenied: `there is no service account "default"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := annotating(t, &test.accounts, profileOf(t, "pg", gke))
			r := responseOf(t, post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg"`))))
			switch {
			case test.wantDenied == "" && (!r.Allowed || len(r.Patch) == 0):
				t.Errorf("denied: %+v", r.Result)
			case test.wantDenied != "" && (r.Allowed || r.Result.Code != http.StatusForbidden || !strings.Contains(r.Result.Message, test.wantDenied)):
				t.Errorf("got %+v\nwant a denial with %q", r.Result, test.wantDenied)
			}
			if diff := cmp.Diff(test.wantCalls, test.accounts.Calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// profileOf returns a CredentialProfile of namespace payments with any store.
func profileOf(t *testing.T, name, spec string) resolve.ScopedProfile {
	t.Helper()
	return fakecluster.Profile(t, namespaced, name, spec)
}

func annotating(t *testing.T, accounts *fakecluster.Accounts, profiles ...resolve.ScopedProfile) *Handler {
	t.Helper()
	store := &fakecluster.Source{Profiles: profiles}
	h, _ := newHandler(t, store, store)
	h.Annotator = &serviceaccounts.Annotator{Client: accounts, Profiles: store, Writes: h.Metrics.writes, Log: logr.Discard()}
	return h
}

func TestDryRunKeepsNoAnnotation(t *testing.T) {
	t.Parallel()
	accounts := &fakecluster.Accounts{CachedAnnotations: map[string]string{}, LiveAnnotations: map[string]string{}}
	h := annotating(t, accounts, profileOf(t, "pg", gke))
	body := reviewOf(podWith(`"lighterman.dev/profile":"pg"`), func(r map[string]any) { r["dryRun"] = true })
	if r := responseOf(t, post(h, body)); !r.Allowed {
		t.Errorf("denied: %+v", r.Result)
	}
	if diff := cmp.Diff([]string{"read", "dry run"}, accounts.Calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if n := testutil.ToFloat64(h.Metrics.writes.WithLabelValues(serviceaccounts.WriteApplied)); n != 0 {
		t.Errorf("%v writes counted", n)
	}
}

func TestDeniedPodWritesNothing(t *testing.T) {
	t.Parallel()
	accounts := &fakecluster.Accounts{CachedAnnotations: map[string]string{}, LiveAnnotations: map[string]string{}}
	h := annotating(t, accounts, profileOf(t, "pg", gke))
	if r := responseOf(t, post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg","lighterman.dev/containers":"none"`)))); r.Allowed || len(accounts.Calls) > 0 {
		t.Errorf("allowed: %v, calls: %v", r.Allowed, accounts.Calls)
	}
}
