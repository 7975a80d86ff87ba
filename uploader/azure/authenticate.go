package azure

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"lighterman.dev/lighterman/uploader/objstore"
)

// storageScope is the scope of a token for Blob Storage, in every cloud.
const storageScope = "https://storage.azure.com/.default"

// Authenticate obtains the auth mode's token, apart from any request to the store.
func (s *Store) Authenticate(ctx context.Context) (objstore.Credential, error) {
	identity := s.currentClient().identity
	if identity == nil {
		return objstore.Credential{}, nil // A key, or a signature.
	}
	token, err := identity.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{storageScope}})
	if err != nil {
		return objstore.Credential{}, wrapError(ctx, "obtain", "a token", err)
	}
	return objstore.Credential{From: authModes[s.auth.Mode].issuer(s.auth), Expires: token.ExpiresOn}, nil
}
