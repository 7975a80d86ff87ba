package e2e_test

import (
	"context"
	"testing"

	"google.golang.org/api/storage/v1"
	"lighterman.dev/lighterman/api/v1alpha1"

	"lighterman.dev/lighterman/e2e/fakecloud"
)

// gcsStore prepares the run with fake-gcs-server under Google's names.
func (r *proofRun) gcsStore(t *testing.T) {
	t.Helper()
	r.cloud.CreateGCSBucket(t, r.namespace)
	r.spec.GCS = &v1alpha1.GCSStore{Bucket: r.namespace, Prefix: "dumps", ProjectID: fakecloud.ProjectID}
	admin := r.cloud.GCS(t)
	r.stored = func(ctx context.Context) (size int64, err error) {
		err = admin.Objects.List(r.namespace).Prefix(r.spec.GCS.Prefix).Pages(ctx, func(page *storage.Objects) error {
			for _, object := range page.Items {
				size += int64(object.Size)
			}
			return nil
		})
		return size, err
	}
	auth := &r.spec.GCS.Auth
	email := fakecloud.GoogleAccount(r.namespace)
	grant := func(principal string) { r.cloud.GrantBucket(t, principal, r.namespace, "roles/storage.objectAdmin") }
	federation := func() *v1alpha1.GCPWorkloadIdentityFederation {
		return &v1alpha1.GCPWorkloadIdentityFederation{Audience: r.cloud.AllowPool(t, r.namespace)}
	}
	r.prepare(t, map[string]func(){
		"workloadIdentityFederation": func() {
			auth.WorkloadIdentityFederation = federation()
			grant(fakecloud.PoolPrincipal(r.subject()))
		},
		"workloadIdentityFederation+serviceAccount": func() {
			auth.WorkloadIdentityFederation = federation()
			auth.WorkloadIdentityFederation.ServiceAccount = email
			r.cloud.AllowImpersonation(t, fakecloud.PoolPrincipal(r.subject()), email)
			grant(email)
		},
		"gkeWorkloadIdentity": func() {
			r.gkeMetadata(t)
			auth.GKEWorkloadIdentity = &v1alpha1.GKEWorkloadIdentity{}
			grant(fakecloud.GKEPrincipal(r.namespace, "backup"))
		},
		"gkeWorkloadIdentity+serviceAccount": func() {
			r.gkeMetadata(t)
			auth.GKEWorkloadIdentity = &v1alpha1.GKEWorkloadIdentity{ServiceAccount: email}
			r.cloud.AllowImpersonation(t, fakecloud.GKEMember(r.namespace, "backup"), email)
			grant(email)
		},
		"serviceAccountKey": func() {
			auth.ServiceAccountKey = r.secret(t, string(r.cloud.ServiceAccountKey(t, email)))
			grant(email)
		},
	})
}

func (r *proofRun) gkeMetadata(t *testing.T) {
	t.Helper()
	r.cloud.LinkLocalForTest(t, r.target)
	r.hosts = append(r.hosts, fakecloud.MetadataHostAlias())
}
