package serviceaccounts_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/webhook/resolve"
	"lighterman.dev/lighterman/webhook/serviceaccounts"
)

const (
	namespaced = v1alpha1.KindCredentialProfile
	cluster    = v1alpha1.KindClusterCredentialProfile

	gcpKey  = "iam.gke.io/gcp-service-account"
	roleKey = "eks.amazonaws.com/role-arn"
	forKey  = "lighterman.dev/annotated-for"

	gke    = "  gcs: {bucket: b, auth: {gkeWorkloadIdentity: {serviceAccount: x@p.iam.gserviceaccount.com}}}\n"
	gkeOfY = "  gcs: {bucket: b, auth: {gkeWorkloadIdentity: {serviceAccount: y@p.iam.gserviceaccount.com}}}\n"
	irsa   = "  s3: {bucket: b, region: eu-west-1, auth: {webIdentity: {roleARN: 'arn:aws:iam::111122223333:role/x'}}}\n"
	always = "  serviceAccount: {annotate: Always}\n"
	never  = "  serviceAccount: {annotate: Never}\n"
)

var account = types.NamespacedName{Namespace: "payments", Name: "default"}

func newAnnotator(accounts serviceaccounts.Client, profiles ...resolve.ScopedProfile) *serviceaccounts.Annotator {
	return &serviceaccounts.Annotator{
		Client: accounts, Profiles: &fakecluster.Source{Profiles: profiles}, Writes: serviceaccounts.NewWriteCounter(), Log: logr.Discard(),
	}
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	const x, y, role = "x@p.iam.gserviceaccount.com", "y@p.iam.gserviceaccount.com", "arn:aws:iam::111122223333:role/x"
	none := map[string]string{}
	tests := map[string]struct {
		spec       string // of profile pg, which the pod names
		others     []resolve.ScopedProfile
		accounts   fakecluster.Accounts
		wantCalls  []string
		want       map[string]string // applied
		wantDenied string
	}{
		"a mode without annotations costs nothing": {
			spec: "  s3: {bucket: b, region: eu-west-1, auth: {podIdentity: {}}}\n" + always,
		},
		"what the mode can do without is not written by default": {spec: irsa, accounts: fakecluster.Accounts{CachedAnnotations: none}},
		"what the mode needs is written": {
			spec: gke, accounts: fakecluster.Accounts{CachedAnnotations: none, LiveAnnotations: none}, wantCalls: []string{"read", "apply"},
			want: map[string]string{gcpKey: x, forKey: "CredentialProfile/pg"},
		},
		"Always writes the rest": {
			spec: irsa + always, accounts: fakecluster.Accounts{CachedAnnotations: none, LiveAnnotations: none}, wantCalls: []string{"read", "apply"},
			want: map[string]string{roleKey: role, forKey: "CredentialProfile/pg"},
		},
		"what the cache shows is not asked for": {
			spec: gke, accounts: fakecluster.Accounts{CachedAnnotations: map[string]string{gcpKey: x, forKey: "CredentialProfile/other,CredentialProfile/pg"}},
		},
		"another owner's annotation of the same value is good": {spec: gke, accounts: fakecluster.Accounts{CachedAnnotations: map[string]string{gcpKey: x}}},
		"a cache that lags costs a read": {
			spec: gke, accounts: fakecluster.Accounts{CachedAnnotations: none, LiveAnnotations: map[string]string{gcpKey: x, forKey: "CredentialProfile/pg"}},
			wantCalls: []string{"read"},
		},
		"a second profile of the same mind is recorded": {
			spec: gke, others: []resolve.ScopedProfile{fakecluster.Profile(t, namespaced, "other", gke)},
			accounts: fakecluster.Accounts{
				CachedAnnotations: map[string]string{gcpKey: x, forKey: "CredentialProfile/other"},
				LiveAnnotations:   map[string]string{gcpKey: x, forKey: "CredentialProfile/other"}, Owned: []string{gcpKey, forKey},
			},
			wantCalls: []string{"read", "apply"},
			want:      map[string]string{gcpKey: x, forKey: "CredentialProfile/other,CredentialProfile/pg"},
		},
		"a profile that is gone is forgotten": {
			spec: gke, accounts: fakecluster.Accounts{CachedAnnotations: none, LiveAnnotations: map[string]string{gcpKey: y, forKey: "CredentialProfile/gone"}, Owned: []string{gcpKey, forKey}},
			wantCalls: []string{"read", "apply"}, want: map[string]string{gcpKey: x, forKey: "CredentialProfile/pg"},
		},
		"a record that Lighterman did not write is not believed": {
			spec: gke, others: []resolve.ScopedProfile{fakecluster.Profile(t, namespaced, "other", gkeOfY)},
			accounts:  fakecluster.Accounts{CachedAnnotations: none, LiveAnnotations: map[string]string{forKey: "CredentialProfile/other"}, Conflict: &serviceaccounts.FieldConflictError{Key: forKey, Owner: "kubectl-edit"}},
			wantCalls: []string{"read", "apply"},
			wantDenied: `annotation lighterman.dev/annotated-for of service account payments/default was written by "kubectl-edit", ` +
				"and only Lighterman writes it: run kubectl annotate serviceaccount default -n payments lighterman.dev/annotated-for-",
		},
		"another profile that wants another value wins, as it came first": {
			spec: gke, others: []resolve.ScopedProfile{fakecluster.Profile(t, namespaced, "other", gkeOfY)},
			accounts: fakecluster.Accounts{
				CachedAnnotations: map[string]string{gcpKey: y, forKey: "CredentialProfile/other"},
				LiveAnnotations:   map[string]string{gcpKey: y, forKey: "CredentialProfile/other"}, Owned: []string{gcpKey, forKey},
			},
			wantCalls: []string{"read"},
			wantDenied: "CredentialProfile payments/pg wants iam.gke.io/gcp-service-account=" + x + " on service account payments/default, which has " +
				y + " for CredentialProfile payments/other: run the pod as another service account",
		},
		"another owner's annotation of another value is kept": {
			spec: gke, accounts: fakecluster.Accounts{CachedAnnotations: none, LiveAnnotations: map[string]string{gcpKey: y}, Conflict: &serviceaccounts.FieldConflictError{Key: gcpKey, Owner: "terraform"}},
			wantCalls:  []string{"read", "apply"},
			wantDenied: `which has "` + y + `", written by "terraform": run kubectl annotate serviceaccount default -n payments ` + gcpKey + "-",
		},
		"a service account that is not there is named": {
			spec: gke, wantCalls: []string{"read"},
			wantDenied: `there is no service account "default" in namespace payments, and CredentialProfile payments/pg needs one with annotations: run kubectl create serviceaccount default -n payments`,
		},
		"a write in between is taken in": {
			spec: gke, accounts: fakecluster.Accounts{CachedAnnotations: none, LiveAnnotations: none, Changes: 2},
			wantCalls: []string{"read", "apply", "read", "apply", "read", "apply"},
			want:      map[string]string{gcpKey: x, forKey: "CredentialProfile/pg"},
		},
		"Never reads, and prints the command": {
			spec: gke + never, accounts: fakecluster.Accounts{CachedAnnotations: none, LiveAnnotations: none}, wantCalls: []string{"read"},
			wantDenied: "is Never: run kubectl annotate serviceaccount default -n payments " + gcpKey + "=" + x,
		},
		"Never prints how to replace another value": {
			spec: gke + never, accounts: fakecluster.Accounts{CachedAnnotations: none, LiveAnnotations: map[string]string{gcpKey: y}}, wantCalls: []string{"read"},
			wantDenied: gcpKey + "=" + x + " --overwrite",
		},
		"Never is content with what is there":         {spec: gke + never, accounts: fakecluster.Accounts{CachedAnnotations: map[string]string{gcpKey: x}}},
		"Never is content with what was just written": {spec: gke + never, accounts: fakecluster.Accounts{CachedAnnotations: none, LiveAnnotations: map[string]string{gcpKey: x}}, wantCalls: []string{"read"}},
		"Never needs nothing that is not required":    {spec: irsa + never},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			profile := fakecluster.Profile(t, namespaced, "pg", test.spec)
			annotator := newAnnotator(&test.accounts, append(test.others, profile)...)
			err := annotator.Ensure(t.Context(), account, profile.Profile, false)
			denied, isDenied := errors.AsType[*injector.DeniedError](err)
			switch {
			case test.wantDenied == "" && err != nil:
				t.Error(err)
			case test.wantDenied != "" && (!isDenied || !strings.Contains(denied.Error(), test.wantDenied)):
				t.Errorf("got %v\nwant a denial with %q", err, test.wantDenied)
			}
			if diff := cmp.Diff(test.wantCalls, test.accounts.Calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, test.accounts.Applied); diff != "" {
				t.Errorf("applied (-want +got):\n%s", diff)
			}
			if n := testutil.ToFloat64(annotator.Writes.WithLabelValues(serviceaccounts.WriteApplied)); (n == 1) != (test.want != nil) {
				t.Errorf("%v writes counted", n)
			}
		})
	}
}

func TestDryRunCountsNoWrite(t *testing.T) {
	t.Parallel()
	accounts := &fakecluster.Accounts{CachedAnnotations: map[string]string{}, LiveAnnotations: map[string]string{}}
	profile := fakecluster.Profile(t, namespaced, "pg", gke)
	annotator := newAnnotator(accounts, profile)
	if err := annotator.Ensure(t.Context(), account, profile.Profile, true); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"read", "dry run"}, accounts.Calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if n := testutil.ToFloat64(annotator.Writes.WithLabelValues(serviceaccounts.WriteApplied)); n != 0 {
		t.Errorf("%v writes counted", n)
	}
}
