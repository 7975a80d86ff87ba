package gcs

import (
	"context"

	"lighterman.dev/lighterman/uploader/objstore"
)

// givers say, for people, who gives an auth mode's token.
var givers = map[string]string{
	"serviceAccountKey":          "Google's OAuth, for the key",
	"workloadIdentityFederation": "Google's STS, and IAM where a service account is named",
	"gkeWorkloadIdentity":        "GKE's metadata server",
	"ambient":                    "the metadata server",
}

// Authenticate obtains the auth mode's token, apart from any request to the store.
func (s *Store) Authenticate(ctx context.Context) (objstore.Credential, error) {
	token, err := s.tokens.token()
	if err != nil {
		return objstore.Credential{}, s.fault(ctx, "obtain", "a credential", err)
	}
	return objstore.Credential{From: givers[s.auth.Mode], Expires: token.Expiry}, nil
}
