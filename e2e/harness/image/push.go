package image

import (
	"context"
	"fmt"
	"path"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// RepositoryEnv names a registry path, e.g. "registry.example.com/team", that clusters other than the local one pull from.
const RepositoryEnv = "LIGHTERMAN_IMAGE_REPOSITORY"

// In moves a local name to a repository: "localhost/backup:1" in "r.example.com/team" is "r.example.com/team/backup:1".
func In(repository, ref string) string {
	return repository + "/" + path.Base(ref)
}

// Push sends the image to a registry, with the credentials that docker login, or a credential helper, left in the user's
// configuration. It returns the name with the digest, which no later push changes.
func Push(ctx context.Context, ref string, img v1.Image) (string, error) {
	tag, err := name.NewTag(ref, name.StrictValidation)
	if err != nil {
		return "", fmt.Errorf("push image: %w", err)
	}
	if err := remote.Write(tag, img, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return "", fmt.Errorf("push image: %w", err)
	}
	digest, err := img.Digest()
	if err != nil {
		return "", fmt.Errorf("push image: %w", err)
	}
	return tag.Context().Name() + "@" + digest.String(), nil
}
