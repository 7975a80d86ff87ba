package store

import (
	"bytes"
	"context"
	"encoding/pem"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/crypto/x509roots/fallback/bundle"

	"lighterman.dev/lighterman/e2e/harness/image"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// ImageName is what the image is called before it is delivered to a cluster.
const ImageName = "localhost/versitygw:1"

// Image builds the store's image from the pinned module.
func Image(ctx context.Context, b *tools.Builder) (v1.Image, error) {
	dir, err := b.Build(ctx, tools.Versitygw())
	if err != nil {
		return nil, err
	}
	return image.Build(image.Spec{
		Binaries:   map[string]string{"/versitygw": filepath.Join(dir, "versitygw")},
		Files:      []image.File{{Path: "/etc/ssl/certs/ca-certificates.crt", Mode: 0o644, Data: publicRoots()}},
		Entrypoint: []string{"/versitygw"},
	})
}

func publicRoots() []byte {
	var out bytes.Buffer
	for root := range bundle.Roots() {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
	}
	return out.Bytes()
}
