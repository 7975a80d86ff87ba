package profile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/profile"
)

// TestInvalidProfilesOffline takes each profile that the API server refuses, by the end-to-end tests. A profile from a file never
// saw an API server: Parse or Check refuses it, too, or the file says with a line "# offline: accepted, …" why it need not.
func TestInvalidProfilesOffline(t *testing.T) {
	files, err := filepath.Glob("../e2e/testdata/profiles/invalid/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		isRefused := true
		if p, err := profile.Parse(text); err == nil {
			isRefused = len(profile.Check(p.Spec, profile.Cluster{ClusterTrustBundles: true})) > 0
		}
		switch isMarked := strings.Contains(string(text), "\n# offline: accepted, "); {
		case isRefused && isMarked:
			t.Errorf("%s: package profile refuses the profile: remove the line \"# offline\"", filepath.Base(file))
		case !isRefused && !isMarked:
			t.Errorf("%s: only the CRD refuses the profile: refuse it in profile.Check, or write \"# offline: accepted, \" and why that does no harm",
				filepath.Base(file))
		}
	}
}
