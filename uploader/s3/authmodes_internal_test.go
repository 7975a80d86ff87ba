package s3

import (
	"maps"
	"slices"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/storetest"
)

func TestAuthModes(t *testing.T) { storetest.CheckAuthModes(t, "s3", maps.Keys(authModes)) }

// TestIssuers: a mode that has neither secrets nor a file of them asks a service.
func TestIssuers(t *testing.T) {
	for _, mode := range uploader.AuthModes("s3") {
		asks := len(mode.Secrets) == 0 && !slices.Contains(mode.Required, "file")
		if asks != (authModes[mode.Name].issuer != nil) {
			t.Errorf("mode %s: the row in authModes has an issuer where the mode asks a service, and only there", mode.Name)
		}
	}
}
