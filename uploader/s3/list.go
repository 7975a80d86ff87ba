package s3

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// maxListed is the most that S3 lists at once, docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html.
const maxListed = 1000

// List lists objects. It uses a prefix and a number alone: other stores sort by StartAfter wrongly, or do not know it
// (github.com/versity/versitygw issue 1283, github.com/minio/minio issue 6032).
func (s *Store) List(ctx context.Context, prefix string, limit int) iter.Seq2[objstore.Listed, error] {
	return objstore.CheckListing(prefix, limit, func(yield func(objstore.Listed, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: s.bucket, Prefix: nilIfEmpty(prefix)}
		if limit > 0 {
			in.MaxKeys = new(int32(min(limit, maxListed)))
		}
		pages := s3.NewListObjectsV2Paginator(s.client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(transport.ExpectListing(ctx))
			if err != nil {
				yield(objstore.Listed{}, s.wrapError(ctx, "list the objects below", prefix, err))
				return
			}
			for _, o := range page.Contents {
				if !yield(newListed(o), nil) {
					return
				}
			}
		}
	})
}

func newListed(o types.Object) objstore.Listed {
	listed := objstore.Listed{Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size)}
	if o.LastModified != nil {
		listed.Modified = *o.LastModified
	}
	return listed
}
