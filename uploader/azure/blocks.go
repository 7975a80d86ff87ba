package azure

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"lighterman.dev/lighterman/uploader/objstore"
)

// upload distinguishes the blocks of one upload from those of another.
type upload [8]byte

// blockID returns an ID of the upload, the part's number and its CRC64. All IDs of a blob must have one length.
func (u upload) blockID(number int, crc uint64) string {
	id := append(make([]byte, 0, blockIDLength), u[:]...)
	id = binary.BigEndian.AppendUint32(id, uint32(number)) //nolint:gosec // At most 50,000.
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(id, crc))
}

const blockIDLength = len(upload{}) + 4 + 8

// parseUploadID returns the upload of an ID that Begin has made; an error of class NoUpload for another, and for one that this
// process aborted.
func (s *Store) parseUploadID(key, id string) (u upload, err error) {
	raw, err := hex.DecodeString(id)
	if _, aborted := s.aborted.Load(id); aborted || err != nil || len(raw) != len(u) {
		return u, &objstore.Error{Class: objstore.NoUpload, Err: fmt.Errorf("%s: there is no upload %q", key, id)}
	}
	return upload(raw), nil
}

// uploadIDOfBlock returns the upload of a block, and whether this package made it.
func uploadIDOfBlock(blockID string) (string, bool) {
	id, err := base64.StdEncoding.DecodeString(blockID)
	if err != nil || len(id) != blockIDLength {
		return "", false
	}
	return hex.EncodeToString(id[:len(upload{})]), true
}

// verifyBlockIDs returns the IDs of the parts' blocks, if each has the number and the checksum of its part.
func (u upload) verifyBlockIDs(key string, parts []objstore.Part) (ids []string, size int64, err error) {
	for _, part := range parts {
		crc, err := decodeCRC64(part.Sum)
		if err != nil {
			return nil, 0, err
		}
		if part.Tag != u.blockID(part.Number, crc) {
			return nil, 0, &objstore.Error{
				Class: objstore.NoUpload, Err: fmt.Errorf("%s: part %d was not sent in this upload", key, part.Number),
			}
		}
		ids = append(ids, part.Tag)
		size += part.Size
	}
	return ids, size, nil
}

// Begin makes an ID. It sends Azure nothing.
func (s *Store) Begin(_ context.Context, o *objstore.Object) (string, error) {
	if _, err := newProperties(o); err != nil {
		return "", err
	}
	var u upload
	rand.Read(u[:])
	return hex.EncodeToString(u[:]), nil
}

// PutPart sends a part as a block.
func (s *Store) PutPart(
	ctx context.Context, o *objstore.Object, id string, number int, body objstore.Body,
) (objstore.Part, error) {
	u, err := s.parseUploadID(o.Key, id)
	if err != nil {
		return objstore.Part{}, err
	}
	p, err := newProperties(o)
	if err != nil {
		return objstore.Part{}, err
	}
	l, err := newRequestBody(body)
	if err != nil {
		return objstore.Part{}, wrapError(ctx, "read", o.Key, err)
	}
	block := u.blockID(number, l.crc)
	out, err := s.blockBlob(o.Key).StageBlock(ctx, block, l.body, &blockblob.StageBlockOptions{
		TransactionalValidation: blob.TransferValidationTypeCRC64(l.crc), CPKScopeInfo: p.scope,
	})
	if err != nil {
		return objstore.Part{}, wrapError(ctx, "upload a part of", o.Key, err)
	}
	if err := l.verifyChecksum(o.Key, out.ContentCRC64); err != nil {
		return objstore.Part{}, err
	}
	return objstore.Part{Number: number, Size: body.Size, Sum: l.sum, Tag: block}, nil
}

// Complete commits the blocks.
func (s *Store) Complete(
	ctx context.Context, o *objstore.Object, id string, parts []objstore.Part,
) (objstore.Stored, error) {
	u, err := s.parseUploadID(o.Key, id)
	if err != nil {
		return objstore.Stored{}, err
	}
	p, err := newProperties(o)
	if err != nil {
		return objstore.Stored{}, err
	}
	blocks, size, err := u.verifyBlockIDs(o.Key, parts)
	if err != nil {
		return objstore.Stored{}, err
	}
	out, err := s.blockBlob(o.Key).CommitBlockList(ctx, blocks, &blockblob.CommitBlockListOptions{
		Tags: o.Tags, Metadata: p.metadata, Tier: p.tier, HTTPHeaders: p.headers, CPKScopeInfo: p.scope,
		AccessConditions: p.conditions, ImmutabilityPolicyMode: p.lock, ImmutabilityPolicyExpiryTime: p.lockUntil,
	})
	if err != nil {
		return objstore.Stored{}, wrapError(ctx, "complete the upload of", o.Key, err)
	}
	return objstore.Stored{Key: o.Key, Size: size, Version: valueOrEmpty(out.VersionID), Metadata: o.Metadata}, nil
}

// Abort keeps this process from continuing the upload. Azure frees blocks that were never committed a week
// after the last one came, and cannot be asked to.
func (s *Store) Abort(_ context.Context, _ *objstore.Object, id string) error {
	s.aborted.Store(id, true)
	return nil
}

// Unfinished lists the uploads of blobs that have blocks and were never committed. An upload to a blob that exists is not
// among them, nor is one that this process aborted.
func (s *Store) Unfinished(ctx context.Context, prefix string) iter.Seq2[objstore.Unfinished, error] {
	return func(yield func(objstore.Unfinished, error) bool) {
		pages := s.currentClient().NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
			Prefix: &prefix, Include: container.ListBlobsInclude{UncommittedBlobs: true},
		})
		for pages.More() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(objstore.Unfinished{}, wrapError(ctx, "list the uploads below", prefix, err))
				return
			}
			for _, item := range page.Segment.BlobItems {
				// Only a blob that was never committed has no ETag of its own and no content.
				if item.Properties.ContentLength != nil && *item.Properties.ContentLength > 0 {
					continue
				}
				if !s.uploadsOf(ctx, item, yield) {
					return
				}
			}
		}
	}
}

// uploadsOf finds the uploads of a blob by the IDs of its blocks.
func (s *Store) uploadsOf(
	ctx context.Context, item *container.BlobItem, yield func(objstore.Unfinished, error) bool,
) bool {
	list, err := s.blockBlob(*item.Name).GetBlockList(ctx, blockblob.BlockListTypeUncommitted, nil)
	if err != nil {
		err = wrapError(ctx, "list the blocks of", *item.Name, err)
		return objstore.ClassOf(err) == objstore.NotFound || yield(objstore.Unfinished{}, err)
	}
	var begun time.Time
	if item.Properties.LastModified != nil {
		begun = *item.Properties.LastModified
	}
	seen := map[string]bool{}
	for _, block := range list.UncommittedBlocks {
		id, ok := uploadIDOfBlock(valueOrEmpty(block.Name))
		if _, aborted := s.aborted.Load(id); !ok || aborted || seen[id] {
			continue
		}
		seen[id] = true
		if !yield(objstore.Unfinished{Key: *item.Name, ID: id, Begun: begun}, nil) {
			return false
		}
	}
	return true
}
