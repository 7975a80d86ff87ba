package lightermancmd

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"lighterman.dev/lighterman/internal/cli"
	"lighterman.dev/lighterman/internal/exitcode"
)

func TestDoctorWithoutACluster(t *testing.T) {
	_, _, err := run(t, "", "doctor", "--kubeconfig", filepath.Join(t.TempDir(), "none"))
	exit, ok := errors.AsType[*cli.ExitError](err)
	if !ok || exit.Code != exitcode.NoReport || !strings.HasPrefix(err.Error(), "find the API server: ") {
		t.Errorf("got %#v", err)
	}
}

func TestDoctorRefusesTwoProfiles(t *testing.T) {
	_, _, err := run(t, "", "doctor", "--profile", "x", "--cluster-profile", "y")
	if err == nil || !strings.Contains(err.Error(), "[cluster-profile profile]") {
		t.Errorf("got %v", err)
	}
}
