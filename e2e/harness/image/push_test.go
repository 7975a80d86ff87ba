package image_test

import (
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"lighterman.dev/lighterman/e2e/harness/image"
)

func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	img := build(t, "x")
	repository := strings.TrimPrefix(server.URL, "http://") + "/team"
	got, err := image.Push(t.Context(), image.In(repository, "localhost/backup:1"), img)
	if err != nil {
		t.Fatal(err)
	}
	if want := repository + "/backup@" + digest(t, img); got != want {
		t.Errorf("pushed %s, want %s", got, want)
	}
	ref, err := name.ParseReference(got)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Image(ref); err != nil {
		t.Errorf("pull: %v", err)
	}
}
