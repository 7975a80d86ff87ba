package s3

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"lighterman.dev/lighterman/uploader/objstore"
)

// noObjectLock is the code of a bucket without object lock.
const noObjectLock = "ObjectLockConfigurationNotFoundError"

// Protection looks at the bucket's versioning and object lock.
func (s *Store) Protection(ctx context.Context, _ objstore.Stored) []objstore.Protection {
	versioning := objstore.Protection{Name: "versioning", Permission: "s3:GetBucketVersioning"}
	if out, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: s.bucket}); err != nil {
		versioning.Err = s.wrapError(ctx, "look at", *s.bucket, err)
	} else {
		versioning.State = versionStates[out.Status]
	}
	lock := objstore.Protection{Name: "object lock", Permission: "s3:GetBucketObjectLockConfiguration"}
	out, err := s.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: s.bucket})
	switch {
	case errorCode(err) == noObjectLock,
		err == nil && (out.ObjectLockConfiguration == nil || out.ObjectLockConfiguration.ObjectLockEnabled == ""):
		lock.State, lock.NoLock = "off", errorCodes[noObjectLock].cure
	case err != nil:
		lock.Err = s.wrapError(ctx, "look at", *s.bucket, err)
	default:
		lock.State = lockState(out.ObjectLockConfiguration.Rule)
	}
	return []objstore.Protection{versioning, lock}
}

// versionStates describe the states of versioning, for people; S3 returns none for a bucket that never had it.
var versionStates = map[types.BucketVersioningStatus]string{
	"":                                    "off: an object that is deleted or replaced is gone",
	types.BucketVersioningStatusEnabled:   "on",
	types.BucketVersioningStatusSuspended: "suspended: an object written since, and then deleted or replaced, is gone",
}

// lockState describes what a bucket with object lock does with an object that asks for none.
func lockState(rule *types.ObjectLockRule) string {
	if rule == nil || rule.DefaultRetention == nil {
		return "on, without a default: objects are locked where uploader.objectLock is set"
	}
	r := rule.DefaultRetention
	number, unit := r.Days, "days"
	if number == nil {
		number, unit = r.Years, "years"
	}
	if number == nil {
		return fmt.Sprintf("on, by default %s", r.Mode)
	}
	return fmt.Sprintf("on, by default %s for %d %s", r.Mode, *number, unit)
}
