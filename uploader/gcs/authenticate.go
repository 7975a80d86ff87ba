package gcs

import (
	"context"

	"lighterman.dev/lighterman/uploader/objstore"
)

// Authenticate obtains the auth mode's token, apart from any request to the store.
func (s *Store) Authenticate(ctx context.Context) (objstore.Credential, error) {
	token, err := s.tokens.currentToken()
	if err != nil {
		return objstore.Credential{}, s.wrapError(ctx, "obtain", "a credential", err)
	}
	return objstore.Credential{From: authModes[s.auth.Mode].issuer, Expires: token.Expiry}, nil
}
