package azure

import (
	"context"
	"io"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// Stat describes an object.
func (s *Store) Stat(ctx context.Context, key string) (objstore.Stored, error) {
	out, err := s.blockBlob(key).GetProperties(ctx, nil)
	if err != nil {
		return objstore.Stored{}, wrapError(ctx, "describe", key, err)
	}
	stored := objstore.Stored{
		Key: key, Version: valueOrEmpty(out.VersionID), Metadata: make(map[string]string, len(out.Metadata)),
	}
	for name, value := range out.Metadata {
		// net/http writes the names of headers its own way.
		stored.Metadata[strings.ToLower(strings.ReplaceAll(name, "_", "-"))] = valueOrEmpty(value)
	}
	if out.ContentLength != nil {
		stored.Size = *out.ContentLength
	}
	if out.LastModified != nil {
		stored.Modified = *out.LastModified
	}
	return stored, nil
}

// blobVersion returns the client of a blob, or of one version of it.
func (s *Store) blobVersion(key, version string) (*blob.Client, error) {
	client := s.blockBlob(key).BlobClient()
	if version == "" {
		return client, nil
	}
	return client.WithVersionID(version)
}

// Open reads an object.
func (s *Store) Open(ctx context.Context, key, version string) (io.ReadCloser, error) {
	client, err := s.blobVersion(key, version)
	if err != nil {
		return nil, wrapError(ctx, "read", key, err)
	}
	out, err := client.DownloadStream(ctx, nil)
	if err != nil {
		return nil, wrapError(ctx, "read", key, err)
	}
	return transport.ClassifyReads(ctx, out.Body), nil
}

// Delete removes an object.
func (s *Store) Delete(ctx context.Context, key, version string) error {
	client, err := s.blobVersion(key, version)
	if err == nil {
		_, err = client.Delete(ctx, nil)
	}
	if err = wrapError(ctx, "delete", key, err); objstore.ClassOf(err) == objstore.NotFound {
		return nil
	}
	return err
}
