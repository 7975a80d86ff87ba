package profile

import (
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// preset is what an S3 store is known for. A zero field means that the store behaves like Amazon S3.
type preset struct {
	name v1alpha1.S3Preset
	// endpoint is the store's URL; {region} is filled in. Empty: the profile must have one, Amazon S3 excepted.
	endpoint string
	// region is taken where the profile names none. Empty: the profile must name one.
	region string
	// pathStyle: buckets are addressed in the path.
	pathStyle bool
	// checksums is the mode that the store understands. Empty: the SDK's default.
	checksums v1alpha1.ChecksumMode
	// hosts are those of its service, which tell the store: * is one label, that of a region or an account. words are parts of names
	// that people give to hosts of the store, which make it likely.
	hosts, words []string
	// rclone is the provider of that name in rclone, whose quirks are the store's (backend/s3/provider).
	rclone string
}

// presetOther is any other store.
const presetOther v1alpha1.S3Preset = "Other"

// presets has a row for each S3Preset of the API. Endpoints, path styles and checksum support were read in November 2026
// in litestream's docs/PROVIDER_COMPATIBILITY.md (commit 00a17c4), rclone's backend/s3/provider (commit 1c254f5) and,
// where a row names it, in the reports there.
var presets = []preset{
	{name: v1alpha1.PresetAWS, rclone: "AWS"},
	// MinIO checks the newer checksums itself; any region will do unless MINIO_SITE_REGION is set.
	{name: "MinIO", region: "us-east-1", pathStyle: true, rclone: "Minio", words: []string{"minio"}},
	{name: "Ceph", region: "us-east-1", pathStyle: true, checksums: v1alpha1.ChecksumsWhenRequired, rclone: "Ceph", words: []string{"ceph", "rgw"}},
	// cloudflare/cloudflare-docs#19236: "Header 'x-amz-checksum-crc32' … not implemented".
	{name: "R2", region: "auto", checksums: v1alpha1.ChecksumsWhenRequired, rclone: "Cloudflare", hosts: []string{"*.r2.cloudflarestorage.com", "*.eu.r2.cloudflarestorage.com", "*.fedramp.r2.cloudflarestorage.com"}},
	// boto/s3transfer#327: "Unsupported header 'x-amz-sdk-checksum-algorithm'".
	{name: "B2", endpoint: "https://s3.{region}.backblazeb2.com", pathStyle: true, checksums: v1alpha1.ChecksumsWhenRequired, rclone: rcloneOther, hosts: []string{"s3.*.backblazeb2.com"}},
	// The XML API with HMAC keys.
	{name: "GCSInterop", endpoint: "https://storage.googleapis.com", region: "auto", pathStyle: true, checksums: v1alpha1.ChecksumsWhenRequired, rclone: "GCS", hosts: []string{"storage.googleapis.com"}},
	{name: "DigitalOcean", endpoint: "https://{region}.digitaloceanspaces.com", checksums: v1alpha1.ChecksumsWhenRequired, rclone: "DigitalOcean", hosts: []string{"*.digitaloceanspaces.com"}},
	// The host is that of a cluster (us-ord-1), which the region (us-ord) does not tell.
	{name: "Linode", region: "us-east-1", checksums: v1alpha1.ChecksumsWhenRequired, rclone: "Linode", hosts: []string{"*.linodeobjects.com"}},
	{name: "Wasabi", endpoint: "https://s3.{region}.wasabisys.com", checksums: v1alpha1.ChecksumsWhenRequired, rclone: "Wasabi", hosts: []string{"s3.*.wasabisys.com", "s3.wasabisys.com"}},
	{name: "Scaleway", endpoint: "https://s3.{region}.scw.cloud", pathStyle: true, checksums: v1alpha1.ChecksumsWhenRequired, rclone: "Scaleway", hosts: []string{"s3.*.scw.cloud"}},
	// gaul/s3proxy 4.0.0: path style unless S3PROXY_VIRTUALHOST; unsigned trailers only since 2.9.0.
	{name: "S3Proxy", region: "us-east-1", pathStyle: true, checksums: v1alpha1.ChecksumsWhenRequired, rclone: rcloneOther, words: []string{"s3proxy"}},
	{name: presetOther, region: "us-east-1", pathStyle: true, checksums: v1alpha1.ChecksumsWhenRequired, rclone: rcloneOther},
}

func presetOf(s3 *v1alpha1.S3Store) *preset {
	name := s3.Preset
	if name == "" {
		name = v1alpha1.PresetAWS
	}
	for i := range presets {
		if presets[i].name == name {
			return &presets[i]
		}
	}
	return nil
}

// location is where an S3 store is, with the preset's defaults filled in.
type location struct {
	region, endpoint string
	pathStyle        bool
	checksums        v1alpha1.ChecksumMode
}

func locateS3(s3 *v1alpha1.S3Store, p *preset) location {
	l := location{region: s3.Region, endpoint: strings.TrimRight(s3.Endpoint, "/"), pathStyle: p.pathStyle, checksums: s3.Checksums}
	if l.region == "" {
		l.region = p.region
	}
	if l.endpoint == "" && p.endpoint != "" {
		l.endpoint = strings.ReplaceAll(p.endpoint, "{region}", l.region)
	}
	if s3.ForcePathStyle != nil {
		l.pathStyle = *s3.ForcePathStyle
	}
	if l.checksums == "" {
		l.checksums = p.checksums
	}
	return l
}
