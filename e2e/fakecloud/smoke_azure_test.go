package fakecloud_test

import (
	"maps"
	"testing"

	"github.com/google/uuid"

	"lighterman.dev/lighterman/e2e/fakecloud"
)

// TestAzure puts blobs as each kind of identity that Azure knows, under the account's real name.
func TestAzure(t *testing.T) {
	s := setup(t)
	container := s.namespace
	s.CreateContainer(t, container)
	federated, principal, powerless := uuid.NewString(), uuid.NewString(), uuid.NewString()
	s.FederateEntra(t, federated, s.subject("default"))
	s.FederateEntra(t, powerless, s.subject("default"))
	stranger := uuid.NewString()
	s.FederateEntra(t, stranger, s.subject("other"))
	secret := s.ServicePrincipalSecret(t, principal)
	certificate := string(s.ServicePrincipalCertificate(t, principal))
	for _, client := range []string{federated, principal, stranger} {
		s.GrantBlob(t, client, container)
	}
	workloadIdentity := func(client string) map[string]string {
		return map[string]string{
			"AZURE_CLIENT_ID": client, "AZURE_TENANT_ID": fakecloud.TenantID, "AZURE_FEDERATED_TOKEN_FILE": filesDir + "/token",
			"AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/", "AZURE_TOKEN_CREDENTIALS": "WorkloadIdentityCredential",
		}
	}
	servicePrincipal := func(more map[string]string) map[string]string {
		env := map[string]string{
			"AZURE_CLIENT_ID": principal, "AZURE_TENANT_ID": fakecloud.TenantID, "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
		}
		maps.Copy(env, more)
		return env
	}
	otherCertificate := string(s.ServicePrincipalCertificate(t, powerless))
	pem := map[string]string{"AZURE_CLIENT_CERTIFICATE_PATH": filesDir + "/client.pem"}
	attempts := map[string]attempt{
		"workload identity":                 {pod: pod{audience: fakecloud.EntraAudience, env: workloadIdentity(federated)}},
		"workload identity, wrong audience": {pod: pod{audience: "sts.amazonaws.com", env: workloadIdentity(federated)}, refused: "AADSTS700212"},
		"workload identity, wrong subject":  {pod: pod{audience: fakecloud.EntraAudience, env: workloadIdentity(stranger)}, refused: "AADSTS700213"},
		"workload identity, unknown client": {pod: pod{audience: fakecloud.EntraAudience, env: workloadIdentity(uuid.NewString())}, refused: "AADSTS700016"},
		"workload identity without a role":  {pod: pod{audience: fakecloud.EntraAudience, env: workloadIdentity(powerless)}, refused: "AuthorizationPermissionMismatch"},
		"client secret":                     {pod: pod{env: servicePrincipal(map[string]string{"AZURE_CLIENT_SECRET": secret})}},
		"wrong client secret":               {pod: pod{env: servicePrincipal(map[string]string{"AZURE_CLIENT_SECRET": "guess"})}, refused: "AADSTS7000215"},
		"client certificate":                {pod: pod{env: servicePrincipal(pem), files: map[string]string{"client.pem": certificate}}},
		"wrong client certificate":          {pod: pod{env: servicePrincipal(pem), files: map[string]string{"client.pem": otherCertificate}}, refused: "AADSTS700027"},
		"connection string":                 {pod: pod{env: map[string]string{"AZURE_STORAGE_CONNECTION_STRING": s.ConnectionString()}}},
		"account key":                       {pod: pod{env: map[string]string{"AZURE_STORAGE_KEY": s.AccountKey()}}},
		"wrong account key":                 {pod: pod{env: map[string]string{"AZURE_STORAGE_KEY": "Z3Vlc3M="}}, refused: "InvalidAuthenticationInfo"},
		"shared access signature":           {pod: pod{env: map[string]string{"AZURE_STORAGE_SAS_TOKEN": s.BlobSAS(t, container, "rcw")}}},
		"signature to read":                 {pod: pod{env: map[string]string{"AZURE_STORAGE_SAS_TOKEN": s.BlobSAS(t, container, "r")}}, refused: "AuthorizationPermissionMismatch"},
	}
	s.run(t, attempts, fakecloud.BlobEndpoint+container, func(name string) ([]byte, bool) { return s.Blob(t, container, name) })
}
