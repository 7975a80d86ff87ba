// Package s3 is a store in a bucket of Amazon S3, or of a store that speaks its protocol.
//
// A part goes over TLS as it is read, without a buffer of its own, and its CRC32C with it: in front of it where the
// caller knows it, else behind it. The store compares, keeps nothing that differs, and answers with what it computed, which
// is compared again. To complete an upload the checksum of the whole, which is that of the parts together, is sent along:
// an object of other bytes does not become visible. With checksums: WhenRequired in the profile, the store does not know
// CRC32C: each part and each object of one part goes with its MD5, which every S3 store compares; of an object of more
// parts the store's ETag is compared with that of the parts' MD5s once it is visible.
//
// CRC32C and not CRC64NVME, which S3 recommends: processors compute it, so that the store answers sooner. versitygw 1.8
// took 8.3 seconds of CPU for 2 GiB, and 10 to 12 with CRC64NVME.
//
// Permissions: s3:PutObject, and s3:AbortMultipartUpload to abort an upload; s3:GetObject and s3:GetObjectVersion to
// describe and read objects; s3:ListBucketMultipartUploads to find unfinished uploads; s3:DeleteObject and
// s3:DeleteObjectVersion to delete. s3:PutObjectTagging where tags are set, s3:PutObjectRetention for object lock,
// kms:GenerateDataKey and kms:Decrypt for a key of the KMS.
package s3
