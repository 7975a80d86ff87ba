package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"lighterman.dev/lighterman/e2e/harness/portforward"
)

// S3 returns a client with the root key, for the test itself.
func (s *Store) S3() *s3.Client { return s.S3As(s.Root) }

// S3As returns a client with another key.
func (s *Store) S3As(key Key) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &s.Endpoint, Region: Region, UsePathStyle: true, HTTPClient: s.httpClient(S3Port), Credentials: key.provider(),
	})
}

// IAM returns a client of the identity service with the root key, for the test itself.
func (s *Store) IAM() *iam.Client {
	return iam.New(iam.Options{
		BaseEndpoint: &s.STSEndpoint, Region: Region, HTTPClient: s.httpClient(STSPort), Credentials: s.Root.provider(),
	})
}

// httpClient goes to the pod through the API server and trusts only the store's certificate, whatever the test's environment names.
func (s *Store) httpClient(port int) *http.Client {
	return portforward.Dialer{REST: s.rest, Namespace: Namespace, Selector: selector(), Port: port}.Client(s.ca)
}

func (k Key) provider() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(k.ID, k.Secret, "")
}

// CreateBucket makes a bucket, unless it exists.
func (s *Store) CreateBucket(ctx context.Context, name string) error {
	_, err := s.S3().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name})
	var owned *s3types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &owned) {
		return fmt.Errorf("create bucket %s: %w", name, err)
	}
	return nil
}
