package uploader

import (
	"fmt"
	"regexp"
)

// EnvBucket holds the name of the bucket or container, where the profile says which ConfigMap or Secret has it: the kubelet reads it.
const EnvBucket = "LIGHTERMAN_BUCKET"

// BucketFromVariable stands in a Config for the name that EnvBucket holds.
const BucketFromVariable = "$(" + EnvBucket + ")"

// bucketRule is what a store demands of the name of a bucket.
type bucketRule struct {
	isName *regexp.Regexp
	words  string
}

// bucketRules has a row for each store. The CRD's rules are the same.
var bucketRules = map[string]bucketRule{
	"s3": {
		regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{1,61}[a-zA-Z0-9]$`),
		"the name of a bucket: 3 to 63 letters and digits, with - _ . between them",
	},
	"azure": {
		regexp.MustCompile(`^([$]root|[$]web|[a-z0-9]([a-z0-9]|-[a-z0-9]){2,62})$`),
		"the name of a container: 3 to 63 lower-case letters, digits and single dashes between them",
	},
	"gcs": {
		regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`),
		"the name of a bucket: 3 or more lower-case letters and digits, with - _ . between them",
	},
}

// ResolveBucket replaces BucketFromVariable by the value of EnvBucket. Nothing has checked that value before: what is no name of a bucket
// is an error, which names the source and does not show the value, because a wrong key of a Secret may hold a credential.
func (c *Config) ResolveBucket(getenv func(string) string) error {
	for _, where := range c.configuredLocations() {
		if where.BucketName() != BucketFromVariable {
			continue
		}
		name := getenv(EnvBucket)
		if rule := bucketRules[where.StoreName()]; !rule.isName.MatchString(name) {
			return fmt.Errorf("%s, which has %d bytes, is no name of a bucket: the key that the profile's %s names must hold %s",
				EnvBucket, len(name), bucketSourceFields[where.StoreName()], rule.words)
		}
		c.setBucket(name)
	}
	return nil
}

// bucketSourceFields are the profile's fields that say where the name is.
var bucketSourceFields = map[string]string{
	"s3": "s3.bucketFrom", "azure": "azure.containerFrom", "gcs": "gcs.bucketFrom",
}

func (c *Config) setBucket(name string) {
	switch {
	case c.S3 != nil:
		c.S3.Bucket = name
	case c.Azure != nil:
		c.Azure.Container = name
	case c.GCS != nil:
		c.GCS.Bucket = name
	}
}
