package azure

import (
	"maps"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/storetest"
)

func TestAuthModes(t *testing.T) { storetest.CheckAuthModes(t, "azure", maps.Keys(authModes)) }

// TestIssuers: a mode without secrets asks a service for tokens, and so does a service principal.
func TestIssuers(t *testing.T) {
	for _, mode := range uploader.AuthModes("azure") {
		if asks := len(mode.Secrets) == 0 || mode.Name == "servicePrincipal"; asks != (authModes[mode.Name].issuer != nil) {
			t.Errorf("mode %s: the row in authModes has an issuer where the mode asks a service, and only there", mode.Name)
		}
	}
}
