package teststores

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/harness/tools"
)

// The root user of every store, and the only region of S3.
const (
	AccessKey = "test"
	SecretKey = "testsecret123"
	Region    = "us-east-1"
)

// S3 is a versitygw on a directory.
type S3 struct {
	// Endpoint is its URL, Address the part that is dialled.
	Endpoint, Address string
	// CAFile is the authority to trust; empty without TLS.
	CAFile string
	// Files are its certificate's; empty without TLS.
	Files Files
	// Process is the server.
	Process *os.Process

	program string
}

// S3Options are for Versitygw.
type S3Options struct {
	// Plain serves HTTP without TLS.
	Plain bool
	// KeepAlive keeps connections for the next request, as the clouds do and this server does not by itself.
	KeepAlive bool
	// Users lets AddUser and RemoveUser have users besides the root user.
	Users bool
	// Base is the directory to keep objects below; empty is /dev/shm: tests are not about disks.
	Base string
}

// Versitygw starts a store that speaks S3.
func Versitygw(tb testing.TB, o S3Options) *S3 {
	tb.Helper()
	b, err := tools.NewBuilder(tb.Output())
	if err != nil {
		tb.Fatal(err)
	}
	program, err := b.Build(tb.Context(), tools.Versitygw())
	if err != nil {
		tb.Fatal(err)
	}
	if o.Base == "" {
		o.Base = "/dev/shm"
	}
	paths := dirs(tb, o.Base, "objects", "versions")
	s := &S3{Address: freeAddress(tb), program: filepath.Join(program, "versitygw")}
	args := []string{"--port", s.Address, "--access", AccessKey, "--secret", SecretKey, "--region", Region, "--health", "/healthz", "--quiet"}
	s.Endpoint = "http://" + s.Address
	if !o.Plain {
		files := Certificate(tb)
		args = append(args, "--cert", files.Cert, "--key", files.Key)
		s.Endpoint, s.CAFile, s.Files = "https://"+s.Address, files.CA, files
	}
	if o.KeepAlive {
		args = append(args, "--keep-alive")
	}
	if o.Users {
		args = append(args, "--iam-dir", dirs(tb, o.Base, "users")[0], "--iam-cache-disable")
	}
	s.Process = process{
		name: s.program, address: s.Address,
		args: append(args, "posix", "--versioning-dir", paths[1], paths[0]),
	}.start(tb)
	return s
}

// AddUser adds a user who may do everything.
func (s *S3) AddUser(tb testing.TB, access, secret string) {
	tb.Helper()
	s.admin(tb, "create-user", "--access", access, "--secret", secret, "--role", "admin")
}

// RemoveUser removes a user: the store knows its key no more.
func (s *S3) RemoveUser(tb testing.TB, access string) {
	tb.Helper()
	s.admin(tb, "delete-user", "--access", access)
}

func (s *S3) admin(tb testing.TB, args ...string) {
	tb.Helper()
	args = append([]string{"admin", "--access", AccessKey, "--secret", SecretKey, "--endpoint-url", s.Endpoint, "--allow-insecure"}, args...)
	if out, err := exec.CommandContext(tb.Context(), s.program, args...).CombinedOutput(); err != nil {
		tb.Fatalf("%s: %v: %s", args[7], err, out)
	}
}

// Client speaks to the store as its root user.
func (s *S3) Client(tb testing.TB) *s3.Client {
	tb.Helper()
	client, err := transport.New(transport.Options{CAFile: s.CAFile})
	if err != nil {
		tb.Fatal(err)
	}
	return s3.New(s3.Options{
		BaseEndpoint: &s.Endpoint, Region: Region, UsePathStyle: true, HTTPClient: client,
		Credentials: credentials.NewStaticCredentialsProvider(AccessKey, SecretKey, ""), Retryer: aws.NopRetryer{},
	})
}

// Bucket makes a bucket with versions and object lock.
func (s *S3) Bucket(tb testing.TB, name string) string {
	tb.Helper()
	return s.bucket(tb, name, true)
}

// BareBucket makes a bucket with neither.
func (s *S3) BareBucket(tb testing.TB, name string) string {
	tb.Helper()
	return s.bucket(tb, name, false)
}

func (s *S3) bucket(tb testing.TB, name string, lock bool) string {
	tb.Helper()
	_, err := s.Client(tb).CreateBucket(tb.Context(), &s3.CreateBucketInput{Bucket: &name, ObjectLockEnabledForBucket: &lock})
	var owned *s3types.BucketAlreadyOwnedByYou
	if err != nil && !errors.As(err, &owned) {
		tb.Fatal(err)
	}
	return name
}
