package gcs

import (
	"maps"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/storetest"
)

func TestAuthModes(t *testing.T) { storetest.CheckAuthModes(t, "gcs", maps.Keys(authModes)) }

// TestIssuers: each mode asks a service for tokens.
func TestIssuers(t *testing.T) {
	for _, mode := range uploader.AuthModes("gcs") {
		if authModes[mode.Name].issuer == "" {
			t.Errorf("mode %s: the row in authModes has an issuer where the mode asks a service, and only there", mode.Name)
		}
	}
}
