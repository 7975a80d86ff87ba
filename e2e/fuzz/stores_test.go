package fuzz

import (
	"lighterman.dev/lighterman/api/v1alpha1"
)

var (
	uuids      = []string{"00000000-0000-0000-0000-00000000000c", "00000000-0000-0000-0000-00000000000a", "backup", ""}
	accounts   = []string{"backups", "abc", "A-b", ""}
	azureURLs  = []string{"https://backups.blob.core.windows.net", "http://azurite.storage.svc:10000/backups", "azurite:10000"}
	clouds     = []v1alpha1.AzureCloud{"AzurePublic", "", "AzureUSGovernment", "AzureChina"}
	audiences  = []string{"//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k", "//iam.googleapis.com/x", "https://x", ""}
	googleUser = []string{"x@p.iam.gserviceaccount.com", "", "x", "a@b"}
)

func (s *source) azure() *v1alpha1.AzureStore {
	store := &v1alpha1.AzureStore{
		Container: good(s, []string{"pgc", "pg-backups", "-", ""}),
		Prefix:    good(s, prefixes),
		Endpoint:  pick(s, "", "", good(s, azureURLs)),
		Cloud:     rarely(s, pick(s, clouds...), "AzureMoon"),
	}
	if store.Endpoint == azureURLs[0] && s.chance(90) { // Else cloud and account contradict it, as a rule.
		store.Cloud, store.StorageAccount = "", "backups"
	}
	if s.chance(80) && store.StorageAccount == "" {
		store.StorageAccount = good(s, accounts)
	}
	if store.StorageAccount == "" || s.chance(2) {
		store.StorageAccountFrom = maybe(s, 97, s.keyRef())
	}
	if s.chance(10) {
		store.Container, store.ContainerFrom = rarely(s, "", "abc"), s.bucketSource()
	}
	if s.chance(8) {
		store.Cloud = rarely(s, v1alpha1.AzureCloudOther, "AzureChina")
		store.OtherCloud = &v1alpha1.AzureOtherCloud{
			StorageSuffix: rarely(s, "local.azurestack.external", "Local", "", "x.$(Y)"),
			AuthorityHost: pick(s, "https://login.azurestack.external/", "https://login.azurestack.external/", ""),
		}
	}
	for range rarely(s, 1, 0, 2) {
		s.azureAuth(&store.Auth)
	}
	return store
}

func (s *source) bucketSource() *v1alpha1.BucketSource {
	ref := s.keyRef()
	if s.chance(50) {
		return &v1alpha1.BucketSource{Secret: rarely(s, &ref, nil)}
	}
	return &v1alpha1.BucketSource{ConfigMap: &v1alpha1.ConfigMapKeyRef{Name: ref.Name, Key: ref.Key}}
}

func (s *source) azureAuth(auth *v1alpha1.AzureAuth) {
	ref := s.keyRef()
	switch s.below(8) {
	case 0:
		auth.WorkloadIdentity = &v1alpha1.AzureWorkloadIdentity{
			ClientID: good(s, uuids), TenantID: good(s, uuids), Audience: pick(s, "", "", "own"),
			AuthorityHost: pick(s, "", "", "https://login.example.com/", "login"),
		}
		if s.chance(30) {
			auth.WorkloadIdentity.IdentityBinding = &v1alpha1.AKSIdentityBinding{
				SNIName: rarely(s, "a0123.ests.aks", ""), TokenProxy: pick(s, "", "", "https://10.0.0.1/tokens", "http://x"),
			}
		}
	case 1:
		auth.ManagedIdentity = &v1alpha1.AzureManagedIdentity{ClientID: pick(s, "", good(s, uuids))}
	case 2:
		auth.PodIdentityBinding = rarely(s, "rok", "a b", "-")
	case 3:
		principal := &v1alpha1.AzureServicePrincipal{ClientID: good(s, uuids), TenantID: good(s, uuids)}
		certificate := s.chance(50)
		if !certificate || s.chance(2) {
			principal.ClientSecret = &ref
		}
		if certificate {
			principal.ClientCertificate = &ref
		}
		auth.ServicePrincipal = principal
	case 4:
		auth.ConnectionString = &ref
	case 5:
		auth.AccountKey = &ref
	case 6:
		auth.SASToken = &ref
	case 7:
		auth.Default = &v1alpha1.AzureDefault{}
	}
}

func (s *source) gcs() *v1alpha1.GCSStore {
	store := &v1alpha1.GCSStore{
		Bucket:    good(s, []string{"pg-backups", "abc", "-", ""}),
		Prefix:    good(s, prefixes),
		ProjectID: pick(s, "", good(s, []string{"payments-1", "abcdef", "A", "x y"})),
		Endpoint:  pick(s, "", "", rarely(s, endpoints[0], endpoints...)), // Most modes send a token, and never in plain text.
	}
	for range rarely(s, 1, 0, 2) {
		s.gcsAuth(&store.Auth)
	}
	return store
}

func (s *source) gcsAuth(auth *v1alpha1.GCSAuth) {
	switch s.below(4) {
	case 0:
		auth.GKEWorkloadIdentity = &v1alpha1.GKEWorkloadIdentity{ServiceAccount: good(s, googleUser)}
	case 1:
		auth.WorkloadIdentityFederation = &v1alpha1.GCPWorkloadIdentityFederation{
			Audience: good(s, audiences), ServiceAccount: good(s, googleUser),
			TokenURL: pick(s, "", "", "https://sts.example.com/v1/token", "sts"),
		}
	case 2:
		ref := s.keyRef()
		auth.ServiceAccountKey = &ref
	case 3:
		auth.Ambient = &v1alpha1.Ambient{}
	}
}
