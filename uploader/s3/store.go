package s3

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// whenRequired is the mode of checksums for stores without those that S3 added in 2022.
const whenRequired = "WhenRequired"

// Store is a bucket. New makes it.
type Store struct {
	client *s3.Client
	bucket *string
	// maxParts is the store's, zero Amazon's.
	maxParts int
	// credentials are invalidated when the store refuses them.
	credentials provider
	auth        uploader.Auth
	// algorithm is the checksum that the store compares.
	algorithm objstore.Algorithm
	overTLS   bool
}

var _ objstore.Store = (*Store)(nil)

// New makes a store. It reads the auth mode's files and variables, but does not speak to the store.
func New(where uploader.S3, o transport.Options) (*Store, error) {
	client, err := transport.New(o)
	if err != nil {
		return nil, err
	}
	credentials, err := newCredentials(where, client)
	if err != nil {
		return nil, err
	}
	options := s3.Options{
		Region:                       where.Region,
		UsePathStyle:                 where.ForcePathStyle,
		UseARNRegion:                 true, // The bucket may be an access point.
		Credentials:                  credentials,
		HTTPClient:                   client,
		Retryer:                      aws.NopRetryer{},
		ContinueHeaderThresholdBytes: transport.LongBody,
		// This package sets the checksum of a body itself.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		// Else the SDK logs each answer without a checksum to standard error.
		DisableLogOutputChecksumValidationSkipped: true,
	}
	if where.Endpoint != "" {
		options.BaseEndpoint = &where.Endpoint
	}
	s := &Store{
		bucket: &where.Bucket, maxParts: where.MaxParts, credentials: credentials, auth: where.Auth,
		algorithm: objstore.CRC32C,
		overTLS:   !strings.HasPrefix(where.Endpoint, "http://"),
	}
	if where.Checksums == whenRequired {
		s.algorithm = objstore.MD5
		options.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	}
	s.client = s3.New(options)
	return s, nil
}

// URL returns the bucket's URL, as the AWS CLI writes it.
func (s *Store) URL() string { return "s3://" + *s.bucket }

// Limits returns Amazon S3's, docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html, with the number of parts that the store takes.
func (s *Store) Limits() objstore.Limits {
	return objstore.Limits{
		MinPart:   5 << 20,
		MaxPart:   5 << 30,
		MaxParts:  cmp.Or(s.maxParts, 10_000),
		MaxPut:    5 << 30,
		Algorithm: s.algorithm,
	}
}

// compareSums returns an error of class Corrupt where the store has other bytes than were sent.
func compareSums(what string, stored, sent objstore.Sum) error {
	if stored == sent {
		return nil
	}
	return &objstore.Error{
		Class: objstore.Corrupt,
		Err:   fmt.Errorf("%s has the %s %s in the store, and %s here", what, sent.Algorithm, stored.Value, sent.Value),
	}
}
