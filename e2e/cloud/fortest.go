package cloud

import (
	"context"
	"errors"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"lighterman.dev/lighterman/e2e/cluster"
	"lighterman.dev/lighterman/e2e/require"
	"lighterman.dev/lighterman/e2e/store"
	"lighterman.dev/lighterman/e2e/tools"
)

// ForTest installs the clouds in the cluster, or finds them there. What cannot be ends the test through package require.
func ForTest(tb testing.TB, target *cluster.Target, s3 *store.Store) *Cloud {
	tb.Helper()
	b, err := tools.NewBuilder(tb.Output())
	if err != nil {
		tb.Fatal(err)
	}
	images, err := Deliver(tb.Context(), b, target)
	for _, missing := range []error{cluster.ErrNoRepository, tools.ErrNoNPM} {
		if errors.Is(err, missing) {
			require.Skip(tb, missing.Error())
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	c, err := Install(tb.Context(), target.REST, s3, Options{Images: images, Timeout: 3 * time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Deliver builds the images and makes them available to the cluster's pods.
func Deliver(ctx context.Context, b *tools.Builder, target *cluster.Target) (Images, error) {
	var images Images
	for _, i := range []struct {
		name  string
		into  *string
		build func(context.Context, *tools.Builder) (v1.Image, error)
	}{
		{programImage, &images.Program, buildProgram},
		{azuriteImage, &images.Azurite, buildAzurite},
		{gcsImage, &images.GCS, buildGCS},
	} {
		img, err := i.build(ctx, b)
		if err != nil {
			return Images{}, err
		}
		if *i.into, err = target.Deliver(ctx, i.name, img); err != nil {
			return Images{}, err
		}
		if i.name == programImage {
			digest, err := img.Digest()
			if err != nil {
				return Images{}, err
			}
			images.ProgramDigest = digest.String()
		}
	}
	return images, nil
}
