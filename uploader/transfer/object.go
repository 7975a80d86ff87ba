package transfer

import (
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
)

// NewObject returns the object of a key, with the settings that all objects of a run share. The retention of its object
// lock begins now.
func NewObject(c *uploader.Config, key, run string, now time.Time) *objstore.Object {
	o := &objstore.Object{
		Key: key, ContentType: "application/octet-stream", Tags: c.Tags, StorageClass: c.StorageClass, Overwrite: c.Overwrite,
		Metadata: map[string]string{"lighterman-run": run},
	}
	if c.SSE != nil {
		o.Encryption, o.KMSKeyID = c.SSE.Algorithm, c.SSE.KMSKeyID
	}
	if c.ObjectLock != nil {
		o.Retention = &objstore.Retention{
			Compliance: c.ObjectLock.Mode == "Compliance",
			Until:      now.UTC().AddDate(0, 0, c.ObjectLock.Days).Truncate(time.Second),
		}
	}
	return o
}

// NewProbe returns an object that is written to check whether the store takes it. It may be replaced and deleted, so it
// has no object lock.
func NewProbe(c *uploader.Config, key, run string, now time.Time) *objstore.Object {
	o := NewObject(c, key, run, now)
	o.Overwrite, o.Retention, o.ContentType = true, nil, "text/plain"
	return o
}
