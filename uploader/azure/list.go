package azure

import (
	"context"
	"iter"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// maxListed is the most that Azure lists at once: learn.microsoft.com/rest/api/storageservices/list-blobs. It may list fewer, or
// none, and return a marker.
const maxListed = 5000

// List lists blobs.
func (s *Store) List(ctx context.Context, prefix string, limit int) iter.Seq2[objstore.Listed, error] {
	return objstore.CheckListing(prefix, limit, func(yield func(objstore.Listed, error) bool) {
		in := &container.ListBlobsFlatOptions{Prefix: &prefix}
		if limit > 0 {
			in.MaxResults = new(int32(min(limit, maxListed)))
		}
		pages := s.currentClient().NewListBlobsFlatPager(in)
		for pages.More() {
			page, err := pages.NextPage(transport.ExpectListing(ctx))
			if err != nil {
				yield(objstore.Listed{}, wrapError(ctx, "list the objects below", prefix, err))
				return
			}
			for _, item := range blobItems(page.Segment) {
				if !yield(newListed(item), nil) {
					return
				}
			}
		}
	})
}

// blobItems returns the blobs of a page; none where the answer has no list of them, or no names.
func blobItems(segment *container.BlobFlatListSegment) []*container.BlobItem {
	if segment == nil {
		return nil
	}
	return slices.DeleteFunc(segment.BlobItems, func(b *container.BlobItem) bool { return b == nil || b.Name == nil })
}

func newListed(item *container.BlobItem) objstore.Listed {
	listed := objstore.Listed{Key: valueOrEmpty(item.Name)}
	if p := item.Properties; p != nil && p.ContentLength != nil {
		listed.Size = *p.ContentLength
	}
	if p := item.Properties; p != nil && p.LastModified != nil {
		listed.Modified = *p.LastModified
	}
	return listed
}
