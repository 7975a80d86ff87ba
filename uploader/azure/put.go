package azure

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// Put stores an object in one request.
func (s *Store) Put(ctx context.Context, o *objstore.Object, body objstore.Body) (objstore.Stored, error) {
	p, err := newProperties(o)
	if err != nil {
		return objstore.Stored{}, err
	}
	l, err := newRequestBody(body)
	if err != nil {
		return objstore.Stored{}, wrapError(ctx, "read", o.Key, err)
	}
	out, err := s.blockBlob(o.Key).Upload(ctx, l.body, &blockblob.UploadOptions{
		TransactionalValidation: blob.TransferValidationTypeCRC64(l.crc),
		Tags:                    o.Tags, Metadata: p.metadata, Tier: p.tier, HTTPHeaders: p.headers, CPKScopeInfo: p.scope,
		AccessConditions: p.conditions, ImmutabilityPolicyMode: p.lock, ImmutabilityPolicyExpiryTime: p.lockUntil,
	})
	if err != nil {
		return s.putOverBlocks(ctx, o, body, wrapError(ctx, "put", o.Key, err))
	}
	if err := l.verifyChecksum(o.Key, out.ContentCRC64); err != nil {
		return objstore.Stored{}, err
	}
	return objstore.Stored{Key: o.Key, Size: body.Size, Version: valueOrEmpty(out.VersionID), Metadata: o.Metadata}, nil
}

// putOverBlocks stores an object at a key where an upload left blocks and no blob: Azurite 3.37 answers that the blob exists,
// unless the object is written as a block.
func (s *Store) putOverBlocks(
	ctx context.Context, o *objstore.Object, body objstore.Body, err error,
) (objstore.Stored, error) {
	if objstore.ClassOf(err) != objstore.Exists {
		return objstore.Stored{}, err
	}
	if _, serr := s.Stat(ctx, o.Key); objstore.ClassOf(serr) != objstore.NotFound {
		return objstore.Stored{}, err
	}
	id, err := s.Begin(ctx, o)
	if err != nil {
		return objstore.Stored{}, err
	}
	var parts []objstore.Part
	if body.Size > 0 {
		part, err := s.PutPart(ctx, o, id, 1, body)
		if err != nil {
			return objstore.Stored{}, err
		}
		parts = append(parts, part)
	}
	return s.Complete(ctx, o, id, parts)
}

// requestBody is a body with its CRC64, which Azure wants in front of it.
type requestBody struct {
	body io.ReadSeekCloser
	crc  uint64
	sum  objstore.Sum
}

func newRequestBody(b objstore.Body) (*requestBody, error) {
	sum := b.Sum
	if sum == (objstore.Sum{}) {
		hash := checksum.New(objstore.CRC64)
		if err := transport.HashBody(b, hash); err != nil {
			return nil, err
		}
		sum = checksum.Sum(objstore.CRC64, hash)
	}
	crc, err := decodeCRC64(sum)
	return &requestBody{streaming.NopCloser(transport.NewBodyReader(b, nil)), crc, sum}, err
}

func decodeCRC64(sum objstore.Sum) (uint64, error) {
	value, err := base64.StdEncoding.DecodeString(sum.Value)
	if err != nil || len(value) != 8 || sum.Algorithm != objstore.CRC64 {
		return 0, fmt.Errorf("read the %s %q: this store takes %s", sum.Algorithm, sum.Value, objstore.CRC64)
	}
	return binary.BigEndian.Uint64(value), nil
}

// verifyChecksum compares the CRC64 that the service returns, which has compared it before. Azure writes it with its least
// significant byte first. Azurite 3.37 returns it for blocks alone.
func (l *requestBody) verifyChecksum(key string, stored []byte) error {
	if len(stored) != 8 {
		return nil
	}
	if got := binary.LittleEndian.Uint64(stored); got != l.crc {
		return &objstore.Error{
			Class: objstore.Corrupt, Err: fmt.Errorf("%s has the CRC64 %016x in the store, and %016x here", key, got, l.crc),
		}
	}
	return nil
}

// properties are an object's in the SDK's types: nil for those that are not set.
type properties struct {
	metadata   map[string]*string
	tier       *blob.AccessTier
	headers    *blob.HTTPHeaders
	scope      *blob.CPKScopeInfo
	conditions *blob.AccessConditions
	lock       *blob.ImmutabilityPolicySetting
	lockUntil  *time.Time
}

func newProperties(o *objstore.Object) (properties, error) {
	p := properties{metadata: make(map[string]*string, len(o.Metadata)), headers: &blob.HTTPHeaders{}}
	for name, value := range o.Metadata {
		p.metadata[strings.ReplaceAll(name, "-", "_")] = &value
	}
	if o.ContentType != "" {
		p.headers.BlobContentType = &o.ContentType
	}
	if o.StorageClass != "" {
		p.tier = new(blob.AccessTier(o.StorageClass))
	}
	if o.Encryption == "KMS" {
		if o.KMSKeyID == "" {
			return p, &objstore.Error{
				Class: objstore.Invalid, Cure: "name an encryption scope of the storage account in uploader.sse.kmsKeyID",
				Err: errors.New("encryption with a key of one's own goes by the name of an encryption scope, and none is given"),
			}
		}
		p.scope = &blob.CPKScopeInfo{EncryptionScope: &o.KMSKeyID}
	}
	if !o.Overwrite {
		p.conditions = &blob.AccessConditions{
			ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: new(azcore.ETagAny)},
		}
	}
	if o.Retention != nil {
		p.lock, p.lockUntil = new(blob.ImmutabilityPolicySettingUnlocked), &o.Retention.Until
		if o.Retention.Compliance {
			p.lock = new(blob.ImmutabilityPolicySettingLocked)
		}
	}
	return p, nil
}

func valueOrEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
