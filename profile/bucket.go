package profile

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/uploader"
)

// bucket returns the name of the bucket or container as the variables of the tools have it. Where only a ConfigMap or a Secret has the
// name it is a reference to the neutral variable, which is injected before all others and which the kubelet fills.
func (r *Resolved) bucket() string {
	if r.Store.bucketSource(r.Spec) != nil {
		return uploader.BucketFromVariable
	}
	bucket, _ := r.Store.Location(r.Spec)
	return bucket
}

// addBucket adds the neutral variable of the bucket's name.
func (e *Environment) addBucket() {
	source := e.Store.bucketSource(e.Spec)
	if source == nil {
		e.addVar(uploader.EnvBucket, e.bucket(), 0)
		return
	}
	var from corev1.EnvVarSource
	if ref := source.ConfigMap; ref != nil {
		from.ConfigMapKeyRef = &corev1.ConfigMapKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: ref.Name}, Key: ref.Key,
		}
	} else {
		from.SecretKeyRef = secretKey(source.Secret)
	}
	e.appendVar(corev1.EnvVar{Name: uploader.EnvBucket, ValueFrom: &from}, 0)
}

// describeBucketSource returns where the bucket's name is, for people.
func describeBucketSource(source *v1alpha1.BucketSource) string {
	if ref := source.ConfigMap; ref != nil {
		return "(ConfigMap " + ref.Name + ", key " + ref.Key + ")"
	}
	if ref := source.Secret; ref != nil {
		return "(Secret " + ref.Name + ", key " + ref.Key + ")"
	}
	return ""
}

// tenantSeparator stands between tenant and bucket, as Ceph has it (docs.ceph.com/en/latest/radosgw/multitenancy).
const tenantSeparator = ":"

// directorySuffix ends the names of directory buckets (docs.aws.amazon.com/AmazonS3/latest/userguide/directory-bucket-naming-rules.html),
// which have hosts and sessions of their own.
const directorySuffix = "--x-s3"

// checkS3Name refuses names of buckets that mean something else to the tools than to the store.
func (p *problems) checkS3Name(r *Resolved) {
	bucket := r.Spec.S3.Bucket
	switch {
	case strings.HasPrefix(bucket, "arn:"):
		// botocore 1.43 takes one (a multi-region access point's with the crt library only), aws-sdk-go-v2 does; minio-go 7.4 (restic,
		// kopia, mc), WAL-G and pgBackRest do not, and rclone cuts it at its slash.
		p.addInvalid("spec.s3.bucket", "is an ARN, which most tools do not take for a bucket: write the alias of the access point (it ends with -s3alias), or for a multi-region access point the name of one of its buckets")
	case strings.Contains(bucket, "/"): // A URL, and no tenant: the CRD refuses it.
	case strings.Contains(bucket, tenantSeparator) && r.preset != nil && !r.preset.hasTenants:
		p.addInvalid("spec.s3.bucket", "names a tenant, which only preset Ceph has: write the bucket's name alone")
	}
}

// findBucketRefusal returns why a program that is not one of the SDKs cannot use the bucket, and what to use instead; empty: it can.
func (r *Resolved) findBucketRefusal(takesTenant bool) string {
	if r.Spec.S3 == nil {
		return ""
	}
	switch bucket := r.Spec.S3.Bucket; {
	case strings.Contains(bucket, tenantSeparator) && !takesTenant:
		return "it takes no tenant in front of a bucket: use the key or role of a user of that tenant, for whom the bucket has its name alone"
	case strings.HasSuffix(bucket, directorySuffix):
		return "it was not tried with directory buckets (S3 Express One Zone), which have hosts and sessions of their own: use a general purpose bucket"
	}
	return ""
}

// checkBucket refuses a store without the name of its bucket, and one with two. The field of the source is the bucket's with From.
func (p *problems) checkBucket(store, field, bucket string, source *v1alpha1.BucketSource) {
	at := "spec." + store + "." + field + "From"
	switch {
	case source == nil && bucket == "":
		p.addInvalid("spec."+store+"."+field, "is required, or %sFrom where a ConfigMap or a Secret has the name", field)
	case source == nil:
	case bucket != "":
		p.addInvalid("spec."+store, "set exactly one of %s and %sFrom", field, field)
	case (source.ConfigMap == nil) == (source.Secret == nil):
		p.addInvalid(at, "set exactly one of configMap and secret")
	case source.ConfigMap != nil && (source.ConfigMap.Name == "" || source.ConfigMap.Key == ""):
		p.addInvalid(at+".configMap", "needs the name of a ConfigMap and the key in it")
	case source.Secret != nil:
		p.checkKeyRef(at+".secret", source.Secret)
	}
}
