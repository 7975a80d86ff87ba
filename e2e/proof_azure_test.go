package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"
	"lighterman.dev/lighterman/api/v1alpha1"

	"lighterman.dev/lighterman/e2e/fakecloud"
)

// azureStore prepares the run with Azurite under Azure's names.
func (r *proofRun) azureStore(t *testing.T) {
	t.Helper()
	r.cloud.CreateContainer(t, r.namespace)
	r.spec.Azure = &v1alpha1.AzureStore{StorageAccount: fakecloud.Account, Container: r.namespace, Prefix: "dumps"}
	r.stored = func(ctx context.Context) (size int64, err error) {
		pages := r.cloud.Blobs(t).NewListBlobsFlatPager(r.namespace, &azblob.ListBlobsFlatOptions{Prefix: &r.spec.Azure.Prefix})
		for pages.More() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return 0, err
			}
			for _, blob := range page.Segment.BlobItems {
				size += *blob.Properties.ContentLength
			}
		}
		return size, nil
	}
	auth := &r.spec.Azure.Auth
	clientID := string(uuid.NewUUID())
	r.cloud.GrantBlob(t, clientID, r.namespace)
	principal := v1alpha1.AzureServicePrincipal{ClientID: clientID, TenantID: fakecloud.TenantID}
	r.prepare(t, map[string]func(){
		"workloadIdentity": func() {
			r.cloud.FederateEntra(t, clientID, r.subject())
			auth.WorkloadIdentity = &v1alpha1.AzureWorkloadIdentity{ClientID: clientID, TenantID: fakecloud.TenantID}
		},
		"managedIdentity": func() {
			r.cloud.LinkLocalForTest(t, r.target)
			r.cloud.ManagedIdentity(t, clientID, r.namespace, "")
			auth.ManagedIdentity = &v1alpha1.AzureManagedIdentity{ClientID: clientID}
		},
		"podIdentityBinding": func() {
			r.cloud.LinkLocalForTest(t, r.target)
			r.cloud.ManagedIdentity(t, clientID, r.namespace, "backups")
			auth.PodIdentityBinding = "backups"
		},
		"servicePrincipal": func() {
			principal.ClientSecret = r.secret(t, r.cloud.ServicePrincipalSecret(t, clientID))
			auth.ServicePrincipal = &principal
		},
		"servicePrincipal+certificate": func() {
			principal.ClientCertificate = r.secret(t, string(r.cloud.ServicePrincipalCertificate(t, clientID)))
			auth.ServicePrincipal = &principal
		},
		"accountKey": func() { auth.AccountKey = r.secret(t, r.cloud.AccountKey()) },
		"sasToken":   func() { auth.SASToken = r.secret(t, r.cloud.BlobSAS(t, r.namespace, "racwdl")) },
		// Where a signature for a container does not do, Azurite answers with another code than Azure, which restic expects.
		"sasToken+account": func() { auth.SASToken = r.secret(t, r.accountSAS(t)) },
		"connectionString": func() { auth.ConnectionString = r.secret(t, r.cloud.ConnectionString()) },
	})
}

// accountSAS is a signature for all containers and blobs of the account, where BlobSAS is for the blobs of one container.
func (r *proofRun) accountSAS(t *testing.T) string {
	t.Helper()
	key, err := azblob.NewSharedKeyCredential(fakecloud.Account, r.cloud.AccountKey())
	if err != nil {
		t.Fatal(err)
	}
	permissions := sas.AccountPermissions{Read: true, Write: true, Delete: true, List: true, Add: true, Create: true}
	types := sas.AccountResourceTypes{Container: true, Object: true}
	query, err := sas.AccountSignatureValues{
		Protocol: sas.ProtocolHTTPS, ExpiryTime: time.Now().UTC().Add(time.Hour),
		Permissions: permissions.String(), ResourceTypes: types.String(),
	}.SignWithSharedKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return query.Encode()
}

// secret puts a value into a Secret of the run's namespace.
func (r *proofRun) secret(t *testing.T, value string) *v1alpha1.KeyRef {
	t.Helper()
	r.create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "storage", Namespace: r.namespace}, StringData: map[string]string{"value": value},
	})
	return &v1alpha1.KeyRef{Name: "storage", Key: "value"}
}
