package azure

import (
	"cmp"
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
)

// storageScope is what a token for Blob Storage is for, in every cloud.
const storageScope = "https://storage.azure.com/.default"

// givers say, for people, who gives a token. The auth modes without one have all they need at hand.
var givers = map[string]func(uploader.Auth) string{
	"workloadIdentity": func(a uploader.Auth) string { return "Entra ID, for the application " + a.ClientID },
	"servicePrincipal": func(a uploader.Auth) string { return "Entra ID, for the application " + a.ClientID },
	"managedIdentity": func(a uploader.Auth) string {
		return "the metadata service, for the managed identity " + cmp.Or(a.ClientID, "of the node")
	},
	"podIdentityBinding": func(uploader.Auth) string { return "the metadata service, or NMI in its place" },
	"default":            func(uploader.Auth) string { return "the SDK's search for an identity" },
}

// Authenticate obtains the auth mode's token, apart from any request to the store.
func (s *Store) Authenticate(ctx context.Context) (objstore.Credential, error) {
	identity := s.current().identity
	if identity == nil {
		return objstore.Credential{}, nil // A key, or a signature.
	}
	token, err := identity.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{storageScope}})
	if err != nil {
		return objstore.Credential{}, fault(ctx, "obtain", "a token", err)
	}
	return objstore.Credential{From: givers[s.auth.Mode](s.auth), Expires: token.ExpiresOn}, nil
}
