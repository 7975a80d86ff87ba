package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"sync"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"
)

const (
	partSize   = 16 << 20
	partsAtA   = 4 // time
	objectsAtA = 32
)

func main() {
	var u upload
	flag.StringVar(&u.bucket, "bucket", "", "the bucket; its endpoint, keys and authority are in the SDK's environment")
	flag.StringVar(&u.prefix, "prefix", "", "what the keys begin with")
	flag.BoolVar(&u.sha256, "sha256", false, "also print the SHA-256 of each file, made while it is sent")
	flag.Parse()
	if err := u.run(context.Background(), flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "sdkupload:", err)
		os.Exit(1)
	}
}

type upload struct {
	bucket, prefix string
	sha256         bool
	client         *s3.Client
}

func (u *upload) run(ctx context.Context, dir string) error {
	loaded, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	u.client = s3.NewFromConfig(loaded, func(o *s3.Options) { o.UsePathStyle = true })
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(objectsAtA)
	for _, file := range files {
		name := filepath.Join(dir, file.Name())
		if u.sha256 {
			group.Go(func() error { return printSHA256(name) })
		}
		group.Go(func() error { return u.store(ctx, name) })
	}
	return group.Wait()
}

func (u *upload) store(ctx context.Context, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	key := path.Join(u.prefix, filepath.Base(name))
	if info.Size() > partSize {
		return u.inParts(ctx, key, f, info.Size())
	}
	_, err = u.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &u.bucket, Key: &key, Body: f})
	return err
}

func (u *upload) inParts(ctx context.Context, key string, f io.ReaderAt, size int64) error {
	created, err := u.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &u.bucket, Key: &key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return err
	}
	parts := make([]types.CompletedPart, (size+partSize-1)/partSize)
	group, partsCtx := errgroup.WithContext(ctx)
	group.SetLimit(partsAtA)
	for i := range parts {
		group.Go(func() error {
			offset := int64(i) * partSize
			out, err := u.client.UploadPart(partsCtx, &s3.UploadPartInput{
				Bucket: &u.bucket, Key: &key, UploadId: created.UploadId, PartNumber: new(int32(i + 1)),
				ChecksumAlgorithm: types.ChecksumAlgorithmCrc32, Body: io.NewSectionReader(f, offset, min(partSize, size-offset)),
			})
			if err != nil {
				return err
			}
			parts[i] = types.CompletedPart{ETag: out.ETag, PartNumber: new(int32(i + 1)), ChecksumCRC32: out.ChecksumCRC32}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err = u.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.bucket, Key: &key, UploadId: created.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return err
}

var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

func printSHA256(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	hash, buffer := sha256.New(), buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buffer)
	// The struct hides what would let io.Copy do without the buffer.
	if _, err := io.CopyBuffer(hash, struct{ io.Reader }{f}, buffer[:]); err != nil {
		return err
	}
	_, err = fmt.Printf("%x  %s\n", hash.Sum(nil), name)
	return err
}
