package upload_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/checksum"

	"lighterman.dev/lighterman/e2e/serve"
)

const (
	benchFile     = 2 << 30
	benchPart     = 16 << 20
	benchParts    = 4 // at once
	benchObjects  = 2000
	benchObject   = 64 << 10
	benchRequests = 32 // at once
)

// BenchmarkOneFile sends 2 GiB over TLS to a store in memory: by the SDK alone, and by package s3 with the checksums known
// beforehand and not. CPU is that of this process, without the store's.
func BenchmarkOneFile(b *testing.B) {
	server := serve.Versitygw(b, serve.S3Options{})
	bucket := server.Bucket(b, "bench")
	file := benchSource(b)
	sdk := bareSDK(b, server)
	store := openS3(b, server, locate(b, server, bucket))
	o := &uploader.Object{Key: "file", Overwrite: true}
	b.Run("sdk", func(b *testing.B) {
		measure(b, server, func() error { return sdkMultipart(b.Context(), sdk, bucket, file) })
	})
	b.Run("behind", func(b *testing.B) {
		measure(b, server, func() error { return storeMultipart(b.Context(), store, o, file, false) })
	})
	b.Run("beforehand", func(b *testing.B) {
		measure(b, server, func() error { return storeMultipart(b.Context(), store, o, file, true) })
	})
}

// BenchmarkManyFiles sends 2,000 files of 64 KiB.
func BenchmarkManyFiles(b *testing.B) {
	server := serve.Versitygw(b, serve.S3Options{})
	bucket := server.Bucket(b, "bench")
	data := bytes.NewReader(make([]byte, benchObject))
	sdk := bareSDK(b, server)
	store := openS3(b, server, locate(b, server, bucket))
	b.Run("sdk", func(b *testing.B) {
		measure(b, server, func() error {
			return each(b.Context(), benchObjects, benchRequests, func(ctx context.Context, n int) error {
				_, err := sdk.PutObject(ctx, &s3.PutObjectInput{
					Bucket: &bucket, Key: new(fmt.Sprintf("many/%d", n)), Body: io.NewSectionReader(data, 0, benchObject),
				})
				return err
			})
		})
	})
	b.Run("store", func(b *testing.B) {
		measure(b, server, func() error {
			return each(b.Context(), benchObjects, benchRequests, func(ctx context.Context, n int) error {
				o := &uploader.Object{Key: fmt.Sprintf("many/%d", n), Overwrite: true}
				_, err := store.Put(ctx, o, uploader.Body{ReaderAt: data, Size: benchObject})
				return err
			})
		})
	})
}

// measure adds the CPU time of this process and of the store to what is reported.
func measure(b *testing.B, server *serve.S3, run func() error) {
	b.Helper()
	own, its := cpuTime(b, "self"), cpuTime(b, fmt.Sprint(server.Process.Pid))
	for b.Loop() {
		if err := run(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric((cpuTime(b, "self")-own).Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric((cpuTime(b, fmt.Sprint(server.Process.Pid))-its).Seconds()/float64(b.N), "store-cpu-s/op")
}

// cpuTime reads user and system time of a process, in ticks of 10 ms.
func cpuTime(tb testing.TB, pid string) time.Duration {
	tb.Helper()
	if pid == "self" {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			tb.Fatal(err)
		}
		return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		tb.Fatal(err)
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var user, system int64
	fmt.Sscan(string(fields[11]), &user)   //nolint:errcheck // The kernel writes a number.
	fmt.Sscan(string(fields[12]), &system) //nolint:errcheck // The kernel writes a number.
	return time.Duration(user+system) * 10 * time.Millisecond
}

// benchSource is a file in memory of bytes that differ.
func benchSource(tb testing.TB) *os.File {
	tb.Helper()
	f, err := os.CreateTemp("/dev/shm", "lighterman-source-*")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		f.Close()
		os.Remove(f.Name()) //nolint:errcheck // Nothing is left to do.
	})
	block := make([]byte, 1<<20)
	for n := range benchFile / len(block) {
		for i := range 16 {
			block[i*4096] = byte(n >> (i % 8))
		}
		if _, err := f.Write(block); err != nil {
			tb.Fatal(err)
		}
	}
	return f
}

// bareSDK is the SDK's client with its own defaults.
func bareSDK(tb testing.TB, server *serve.S3) *s3.Client {
	tb.Helper()
	pem, err := os.ReadFile(server.CAFile)
	if err != nil {
		tb.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return s3.New(s3.Options{
		BaseEndpoint: &server.Endpoint, Region: serve.Region, UsePathStyle: true,
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider(serve.AccessKey, serve.SecretKey, "")),
		HTTPClient: awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
		}),
	})
}

// each runs a function for 0 to n-1, so many at once.
func each(ctx context.Context, n, atOnce int, do func(context.Context, int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

func sdkMultipart(ctx context.Context, client *s3.Client, bucket string, file io.ReaderAt) error {
	key := "file"
	created, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key, ChecksumAlgorithm: s3types.ChecksumAlgorithmCrc32})
	if err != nil {
		return err
	}
	parts := make([]s3types.CompletedPart, benchFile/benchPart)
	err = each(ctx, len(parts), benchParts, func(ctx context.Context, n int) error {
		out, err := client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &bucket, Key: &key, UploadId: created.UploadId, PartNumber: new(int32(n + 1)),
			ChecksumAlgorithm: s3types.ChecksumAlgorithmCrc32, Body: io.NewSectionReader(file, int64(n)*benchPart, benchPart),
		})
		if err != nil {
			return err
		}
		parts[n] = s3types.CompletedPart{ETag: out.ETag, PartNumber: new(int32(n + 1)), ChecksumCRC32: out.ChecksumCRC32}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &bucket, Key: &key, UploadId: created.UploadId, MultipartUpload: &s3types.CompletedMultipartUpload{Parts: parts},
	})
	return err
}

func storeMultipart(ctx context.Context, store uploader.Store, o *uploader.Object, file io.ReaderAt, beforehand bool) error {
	id, err := store.Begin(ctx, o)
	if err != nil {
		return err
	}
	parts := make([]uploader.Part, benchFile/benchPart)
	err = each(ctx, len(parts), benchParts, func(ctx context.Context, n int) error {
		body := uploader.Body{ReaderAt: file, Offset: int64(n) * benchPart, Size: benchPart}
		if beforehand {
			hash := checksum.New(uploader.CRC32C)
			if _, err := io.Copy(hash, body.Reader()); err != nil {
				return err
			}
			body.Sum = checksum.Sum(uploader.CRC32C, hash)
		}
		part, err := store.PutPart(ctx, o, id, n+1, body)
		parts[n] = part
		return err
	})
	if err != nil {
		return err
	}
	_, err = store.Complete(ctx, o, id, parts)
	return err
}
