package profile_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

func TestServiceAccountAnnotations(t *testing.T) {
	gke := v1alpha1.CredentialProfileSpec{GCS: &v1alpha1.GCSStore{Auth: v1alpha1.GCSAuth{
		GKEWorkloadIdentity: &v1alpha1.GKEWorkloadIdentity{ServiceAccount: "x@p.iam.gserviceaccount.com"},
	}}}
	direct := v1alpha1.CredentialProfileSpec{GCS: &v1alpha1.GCSStore{Auth: v1alpha1.GCSAuth{
		GKEWorkloadIdentity: &v1alpha1.GKEWorkloadIdentity{},
	}}}
	aws := v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{Auth: v1alpha1.S3Auth{
		WebIdentity: &v1alpha1.S3WebIdentity{RoleARN: "arn"},
	}}}
	chain := v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{Auth: v1alpha1.S3Auth{
		WebIdentity: &v1alpha1.S3WebIdentity{RoleARN: "first", AssumeRole: &v1alpha1.S3AssumeRole{RoleARN: "second"}},
	}}}
	azure := v1alpha1.CredentialProfileSpec{Azure: &v1alpha1.AzureStore{Auth: v1alpha1.AzureAuth{
		WorkloadIdentity: &v1alpha1.AzureWorkloadIdentity{ClientID: "c", TenantID: "t"},
	}}}
	google := []string{"iam.gke.io/gcp-service-account=x@p.iam.gserviceaccount.com"}
	tests := map[string]struct {
		spec                v1alpha1.CredentialProfileSpec
		never, when, always []string
	}{
		"a mode that needs one":       {gke, google, google, google},
		"the same mode without":       {direct, nil, nil, nil},
		"a role":                      {aws, nil, nil, []string{"eks.amazonaws.com/role-arn=arn"}},
		"a role that assumes another": {chain, nil, nil, []string{"eks.amazonaws.com/role-arn=first"}},
		"a client and its tenant":     {azure, nil, nil, []string{"azure.workload.identity/client-id=c", "azure.workload.identity/tenant-id=t"}},
		"a spec of nothing":           {},
		"a mode that has none at all": {spec: v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{Auth: v1alpha1.S3Auth{Ambient: &v1alpha1.Ambient{}}}}},
	}
	for name, test := range tests {
		for policy, want := range map[v1alpha1.AnnotatePolicy][]string{
			v1alpha1.AnnotateNever: test.never, v1alpha1.AnnotateWhenRequired: test.when, "": test.when, v1alpha1.AnnotateAlways: test.always,
		} {
			spec := test.spec
			spec.ServiceAccount = &v1alpha1.ServiceAccountSettings{Annotate: policy}
			found, write := profile.ServiceAccountAnnotations(&spec)
			var got []string
			for _, a := range found {
				got = append(got, a.Key+"="+a.Value)
				if !slices.Contains(profile.IdentityAnnotations, a.Key) {
					t.Errorf("%s is not among IdentityAnnotations: no cache keeps it", a.Key)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %q (-want +got):\n%s", name, policy, diff)
			}
			if len(got) > 0 && write != (policy != v1alpha1.AnnotateNever) {
				t.Errorf("%s, %q: write is %v", name, policy, write)
			}
		}
	}
}
