package webhook

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
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

// book is an Accounts over one service account, payments/default.
type book struct {
	cached, live map[string]string // nil: there is none
	owned        []string
	taken        *TakenError
	changes      int // how often the account changes before an apply
	calls        []string
	applied      map[string]string
}

func (b *book) Cached(context.Context, types.NamespacedName) (map[string]string, error) {
	if b.cached == nil {
		return nil, resolve.ErrNotFound
	}
	return b.cached, nil
}

func (b *book) Live(_ context.Context, account types.NamespacedName) (*Account, error) {
	b.calls = append(b.calls, "read")
	if b.live == nil {
		return nil, resolve.ErrNotFound
	}
	return &Account{NamespacedName: account, Annotations: b.live, Owned: b.owned}, nil
}

func (b *book) Apply(_ context.Context, _ *Account, annotations map[string]string, dryRun bool) error {
	call := "apply"
	if dryRun {
		call = "dry run"
	}
	b.calls = append(b.calls, call)
	if b.taken != nil {
		return b.taken
	}
	if b.changes > 0 {
		b.changes--
		return errChanged
	}
	b.applied = annotations
	return nil
}

// profileOf is a CredentialProfile of namespace payments with any store.
func profileOf(t *testing.T, name, spec string) resolve.ScopedProfile {
	t.Helper()
	p, err := profile.Parse([]byte("apiVersion: lighterman.dev/v1alpha1\nkind: CredentialProfile\nmetadata: {name: " + name +
		", namespace: payments}\nspec:\n" + spec))
	if err != nil {
		t.Fatal(err)
	}
	return resolve.ScopedProfile{Profile: p}
}

func TestAnnotate(t *testing.T) {
	t.Parallel()
	const x, y, role = "x@p.iam.gserviceaccount.com", "y@p.iam.gserviceaccount.com", "arn:aws:iam::111122223333:role/x"
	none := map[string]string{}
	tests := map[string]struct {
		spec       string // of profile pg, which the pod names
		others     []resolve.ScopedProfile
		book       book
		wantCalls  []string
		want       map[string]string // applied
		wantDenied string
	}{
		"a mode without annotations costs nothing": {
			spec: "  s3: {bucket: b, region: eu-west-1, auth: {podIdentity: {}}}\n" + always,
		},
		"what the mode can do without is not written by default": {spec: irsa, book: book{cached: none}},
		"what the mode needs is written": {
			spec: gke, book: book{cached: none, live: none}, wantCalls: []string{"read", "apply"},
			want: map[string]string{gcpKey: x, forKey: "CredentialProfile/pg"},
		},
		"Always writes the rest": {
			spec: irsa + always, book: book{cached: none, live: none}, wantCalls: []string{"read", "apply"},
			want: map[string]string{roleKey: role, forKey: "CredentialProfile/pg"},
		},
		"what the cache shows is not asked for": {
			spec: gke, book: book{cached: map[string]string{gcpKey: x, forKey: "CredentialProfile/other,CredentialProfile/pg"}},
		},
		"somebody else's annotation of the same value is good": {spec: gke, book: book{cached: map[string]string{gcpKey: x}}},
		"a cache that lags costs a read": {
			spec: gke, book: book{cached: none, live: map[string]string{gcpKey: x, forKey: "CredentialProfile/pg"}},
			wantCalls: []string{"read"},
		},
		"a second profile of the same mind is recorded": {
			spec: gke, others: []resolve.ScopedProfile{profileOf(t, "other", gke)},
			book: book{
				cached: map[string]string{gcpKey: x, forKey: "CredentialProfile/other"},
				live:   map[string]string{gcpKey: x, forKey: "CredentialProfile/other"}, owned: []string{gcpKey, forKey},
			},
			wantCalls: []string{"read", "apply"},
			want:      map[string]string{gcpKey: x, forKey: "CredentialProfile/other,CredentialProfile/pg"},
		},
		"a profile that is gone is forgotten": {
			spec: gke, book: book{cached: none, live: map[string]string{gcpKey: y, forKey: "CredentialProfile/gone"}, owned: []string{gcpKey, forKey}},
			wantCalls: []string{"read", "apply"}, want: map[string]string{gcpKey: x, forKey: "CredentialProfile/pg"},
		},
		"a record that Lighterman did not write is not believed": {
			spec: gke, others: []resolve.ScopedProfile{profileOf(t, "other", gkeOfY)},
			book:      book{cached: none, live: map[string]string{forKey: "CredentialProfile/other"}, taken: &TakenError{Key: forKey, Owner: "kubectl-edit"}},
			wantCalls: []string{"read", "apply", "read", "apply"},
			wantDenied: `annotation lighterman.dev/annotated-for of service account payments/default was written by "kubectl-edit", ` +
				"and only Lighterman writes it: run kubectl annotate serviceaccount default -n payments lighterman.dev/annotated-for-",
		},
		"another profile that wants another value wins, as it came first": {
			spec: gke, others: []resolve.ScopedProfile{profileOf(t, "other", gkeOfY)},
			book: book{
				cached: map[string]string{gcpKey: y, forKey: "CredentialProfile/other"},
				live:   map[string]string{gcpKey: y, forKey: "CredentialProfile/other"}, owned: []string{gcpKey, forKey},
			},
			wantCalls: []string{"read", "read"},
			wantDenied: "CredentialProfile payments/pg wants iam.gke.io/gcp-service-account=" + x + " on service account payments/default, which has " +
				y + " for CredentialProfile payments/other: run the pod as another service account",
		},
		"somebody else's annotation of another value is kept": {
			spec: gke, book: book{cached: none, live: map[string]string{gcpKey: y}, taken: &TakenError{Key: gcpKey, Owner: "terraform"}},
			wantCalls:  []string{"read", "apply", "read", "apply"},
			wantDenied: `which has "` + y + `", written by "terraform": run kubectl annotate serviceaccount default -n payments ` + gcpKey + "-",
		},
		"a service account that is not there is named": {
			spec: gke, wantCalls: []string{"read", "read"},
			wantDenied: `there is no service account "default" in namespace payments, and CredentialProfile payments/pg needs one with annotations: run kubectl create serviceaccount default -n payments`,
		},
		"a write in between is taken in": {
			spec: gke, book: book{cached: none, live: none, changes: 2},
			wantCalls: []string{"read", "apply", "read", "apply", "read", "apply"},
			want:      map[string]string{gcpKey: x, forKey: "CredentialProfile/pg"},
		},
		"Never reads, and prints the command": {
			spec: gke + never, book: book{cached: none, live: none}, wantCalls: []string{"read", "read"},
			wantDenied: "is Never: run kubectl annotate serviceaccount default -n payments " + gcpKey + "=" + x,
		},
		"Never prints how to replace another value": {
			spec: gke + never, book: book{cached: none, live: map[string]string{gcpKey: y}}, wantCalls: []string{"read", "read"},
			wantDenied: gcpKey + "=" + x + " --overwrite",
		},
		"Never is content with what is there":         {spec: gke + never, book: book{cached: map[string]string{gcpKey: x}}},
		"Never is content with what was just written": {spec: gke + never, book: book{cached: none, live: map[string]string{gcpKey: x}}, wantCalls: []string{"read"}},
		"Never needs nothing that is not required":    {spec: irsa + never},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := annotating(t, &test.book, append(test.others, profileOf(t, "pg", test.spec))...)
			r := responseOf(t, post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg"`))))
			if test.wantDenied != "" {
				if r.Allowed || r.Result.Code != http.StatusForbidden || !strings.Contains(r.Result.Message, test.wantDenied) {
					t.Errorf("got %+v\nwant a denial with %q", r.Result, test.wantDenied)
				}
			} else if !r.Allowed || len(r.Patch) == 0 {
				t.Errorf("denied: %+v", r.Result)
			}
			if diff := cmp.Diff(test.wantCalls, test.book.calls); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, test.book.applied); diff != "" {
				t.Errorf("applied (-want +got):\n%s", diff)
			}
			if n := testutil.ToFloat64(h.Metrics.writes.WithLabelValues(writeApplied)); (n == 1) != (test.want != nil) {
				t.Errorf("%v writes counted", n)
			}
		})
	}
}

func annotating(t *testing.T, b *book, profiles ...resolve.ScopedProfile) *Handler {
	t.Helper()
	store := &memory{profiles: profiles}
	h, _ := newHandler(t, store, store)
	h.Annotator = &Annotator{Accounts: b, Profiles: store, Metrics: h.Metrics, Log: logr.Discard()}
	return h
}

func TestDryRunKeepsNoAnnotation(t *testing.T) {
	t.Parallel()
	b := &book{cached: map[string]string{}, live: map[string]string{}}
	h := annotating(t, b, profileOf(t, "pg", gke))
	body := reviewOf(podWith(`"lighterman.dev/profile":"pg"`), func(r map[string]any) { r["dryRun"] = true })
	if r := responseOf(t, post(h, body)); !r.Allowed {
		t.Errorf("denied: %+v", r.Result)
	}
	if diff := cmp.Diff([]string{"read", "dry run"}, b.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if n := testutil.ToFloat64(h.Metrics.writes.WithLabelValues(writeApplied)); n != 0 {
		t.Errorf("%v writes counted", n)
	}
}

func TestDeniedPodWritesNothing(t *testing.T) {
	t.Parallel()
	b := &book{cached: map[string]string{}, live: map[string]string{}}
	h := annotating(t, b, profileOf(t, "pg", gke))
	if r := responseOf(t, post(h, reviewOf(podWith(`"lighterman.dev/profile":"pg","lighterman.dev/containers":"none"`)))); r.Allowed || len(b.calls) > 0 {
		t.Errorf("allowed: %v, calls: %v", r.Allowed, b.calls)
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	refs := []injector.Ref{{Kind: cluster, Name: "all"}, {Kind: namespaced, Name: "pg"}}
	if diff := cmp.Diff(refs, recorded(record(refs))); diff != "" {
		t.Error(diff)
	}
	if got := recorded("x,CredentialProfile/,CredentialProfile/a/b,ClusterCredentialProfile/../x,Pod/x,,CredentialProfile/a,CredentialProfile/a"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
	if got := recorded(strings.Repeat("CredentialProfile/a,", 9) + strings.Join(many(1000), ",")); len(got) != maxAskers {
		t.Errorf("%d profiles are looked at, want %d", len(got), maxAskers)
	}
}

func many(n int) []string {
	items := make([]string, n)
	for i := range items {
		items[i] = "CredentialProfile/p" + strings.Repeat("x", i)
	}
	return items
}

func TestStripAccount(t *testing.T) {
	t.Parallel()
	full := accountMetadata()
	full.ObjectMeta = metav1.ObjectMeta{
		Namespace: "payments", Name: "backup", ResourceVersion: "7", UID: "u", Labels: map[string]string{"team": "pg"},
		Annotations:   map[string]string{gcpKey: "x", forKey: "y", "team": "z", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}}, OwnerReferences: []metav1.OwnerReference{{Name: "o"}},
	}
	want := accountMetadata()
	want.ObjectMeta = metav1.ObjectMeta{
		Namespace: "payments", Name: "backup", ResourceVersion: "7", Annotations: map[string]string{gcpKey: "x", forKey: "y"},
	}
	got, err := stripAccount(full)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestOwned(t *testing.T) {
	t.Parallel()
	entry := func(manager string, operation metav1.ManagedFieldsOperationType, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	got := owned([]metav1.ManagedFieldsEntry{
		entry("kubectl", "Apply", `{"f:metadata":{"f:annotations":{"f:a":{}}}}`),
		entry(fieldManager, "Update", `{"f:metadata":{"f:annotations":{"f:b":{}}}}`),
		entry(fieldManager, "Apply", `{"f:metadata":{"f:annotations":{".":{},"f:d":{},"f:c":{}}}}`),
		entry(fieldManager, "Apply", `nonsense`),
	})
	if want := []string{"c", "d"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
