package uploader

import "time"

// Object is what all objects of a run have in common: its settings, at a time from which the object lock counts.
func (c *Config) Object(key, run string, now time.Time) *Object {
	o := &Object{
		Key: key, ContentType: "application/octet-stream", Tags: c.Tags, StorageClass: c.StorageClass, Overwrite: c.Overwrite,
		Metadata: map[string]string{"lighterman-run": run},
	}
	if c.SSE != nil {
		o.Encryption, o.KMSKeyID = c.SSE.Algorithm, c.SSE.KMSKeyID
	}
	if c.ObjectLock != nil {
		o.Retention = &Retention{
			Compliance: c.ObjectLock.Mode == "Compliance", Until: now.UTC().AddDate(0, 0, c.ObjectLock.Days).Truncate(time.Second),
		}
	}
	return o
}

// Probe is an object that is written to see whether the store takes it. It is replaced, and may be deleted: no lock.
func (c *Config) Probe(key, run string, now time.Time) *Object {
	o := c.Object(key, run, now)
	o.Overwrite, o.Retention, o.ContentType = true, nil, "text/plain"
	return o
}

// Kind names the store and its auth mode, as the profile's API does; a directory has no mode.
func (c *Config) Kind() (store string, auth Auth) {
	switch {
	case c.S3 != nil:
		return "s3", c.S3.Auth
	case c.Azure != nil:
		return "azure", c.Azure.Auth
	case c.GCS != nil:
		return "gcs", c.GCS.Auth
	}
	return "dir", Auth{}
}
