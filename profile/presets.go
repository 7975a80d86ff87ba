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
	// example is an endpoint for messages, where the profile must have one.
	example string
	// region is taken where the profile names none. Empty: the profile must name one.
	region string
	// pathStyle: buckets are addressed in the path.
	pathStyle bool
	// hostStyleOnly: buckets cannot be addressed in the path.
	hostStyleOnly bool
	// checksums is the mode that the store understands. Empty: the SDK's default.
	checksums v1alpha1.ChecksumMode
	// hosts are those of its service, which tell the store: * is one label, that of a region or an account. words are parts of names
	// that people give to hosts of the store, which make it likely.
	hosts, words []string
	// maxParts is the largest number of parts of an upload.
	maxParts int
	// hasTenants: a bucket may have the name of its tenant in front.
	hasTenants bool
	// usesAmazonSTS: credentials of Amazon's token service may be good for the store.
	usesAmazonSTS bool
	// rclone is the provider of that name in rclone, whose quirks are the store's (backend/s3/provider).
	rclone string
}

// presetOther is any other store.
const presetOther v1alpha1.S3Preset = "Other"

const whenRequired = v1alpha1.ChecksumsWhenRequired

// presets has a row for each S3Preset of the API. Endpoints, path styles and checksum support were read in November 2026
// in litestream's docs/PROVIDER_COMPATIBILITY.md (commit 00a17c4), rclone's backend/s3/provider (1.76.0) and, where a row names it,
// in the reports there. Where nothing says that a store takes the newer checksums, it gets none: every store takes that.
var presets = []preset{
	{name: v1alpha1.PresetAWS, rclone: "AWS", usesAmazonSTS: true},
	// MinIO checks the newer checksums itself; any region will do unless MINIO_SITE_REGION is set.
	{name: "MinIO", region: defaultRegion, pathStyle: true, rclone: "Minio", words: []string{"minio"}},
	// docs.rustfs.com/administration/protocols/s3: RUSTFS_REGION, and no virtual hosts without RUSTFS_SERVER_DOMAINS.
	{name: "RustFS", region: defaultRegion, pathStyle: true, checksums: whenRequired, rclone: rcloneOther, example: "http://rustfs.storage.svc:9000", words: []string{"rustfs"}},
	// garagehq.deuxfleurs.fr/connect: the signature's region is that of garage.toml (s3_region), as a rule garage; no virtual hosts
	// without root_domain.
	{name: "Garage", region: "garage", pathStyle: true, checksums: whenRequired, rclone: rcloneOther, example: "http://garage.storage.svc:3900", words: []string{"garage"}},
	// 4.53 (7506e5f91cd6), which the tests run: any region, CRC32 and CRC32C kept and compared, conditional writes.
	{name: "SeaweedFS", region: defaultRegion, pathStyle: true, rclone: "SeaweedFS", example: "http://seaweedfs-s3.storage.svc:8333", words: []string{"seaweed"}},
	{name: "Ceph", region: defaultRegion, pathStyle: true, checksums: whenRequired, rclone: "Ceph", hasTenants: true, example: "https://rgw.storage.svc", words: []string{"ceph", "rgw"}},
	// cloudflare/cloudflare-docs#19236: the store refuses the header x-amz-checksum-crc32.
	{name: "R2", region: "auto", checksums: whenRequired, rclone: "Cloudflare", example: "https://<account>.r2.cloudflarestorage.com", hosts: []string{"*.r2.cloudflarestorage.com", "*.eu.r2.cloudflarestorage.com", "*.fedramp.r2.cloudflarestorage.com"}},
	// boto/s3transfer#327: "Unsupported header 'x-amz-sdk-checksum-algorithm'".
	{name: "B2", endpoint: "https://s3.{region}.backblazeb2.com", pathStyle: true, checksums: whenRequired, rclone: rcloneOther, hosts: []string{"s3.*.backblazeb2.com"}},
	// The XML API with HMAC keys.
	{name: "GCSInterop", endpoint: "https://storage.googleapis.com", region: "auto", pathStyle: true, checksums: whenRequired, rclone: "GCS", hosts: []string{"storage.googleapis.com"}},
	{name: "DigitalOcean", endpoint: "https://{region}.digitaloceanspaces.com", checksums: whenRequired, rclone: "DigitalOcean", hosts: []string{"*.digitaloceanspaces.com"}},
	// The host is that of a cluster (us-ord-1), which the region (us-ord) does not tell. techdocs.akamai.com/cloud-computing/docs,
	// aws-cli-sdks-support-details: no newer checksums.
	{name: "Linode", region: defaultRegion, checksums: whenRequired, rclone: "Linode", example: "https://us-ord-1.linodeobjects.com", hosts: []string{"*.linodeobjects.com"}},
	{name: "Wasabi", endpoint: "https://s3.{region}.wasabisys.com", checksums: whenRequired, rclone: "Wasabi", hosts: []string{"s3.*.wasabisys.com", "s3.wasabisys.com"}},
	// 1,000 parts: rclone's max_upload_parts.
	{name: "Scaleway", endpoint: "https://s3.{region}.scw.cloud", pathStyle: true, checksums: whenRequired, maxParts: 1000, rclone: "Scaleway", hosts: []string{"s3.*.scw.cloud"}},
	// home-assistant/core#144015, google/go-cloud#3535: XAmzContentSHA256Mismatch.
	{name: "Hetzner", endpoint: "https://{region}.your-objectstorage.com", checksums: whenRequired, rclone: "Hetzner", hosts: []string{"*.your-objectstorage.com"}},
	// ovh/public-cloud-roadmap#781: no STREAMING-UNSIGNED-PAYLOAD-TRAILER, no x-amz-sdk-checksum-algorithm.
	{name: "OVH", endpoint: "https://s3.{region}.io.cloud.ovh.net", checksums: whenRequired, rclone: "OVHcloud", hosts: []string{"s3.*.io.cloud.ovh.net", "s3.*.io.cloud.ovh.us", "s3.*.perf.cloud.ovh.net"}},
	// The host has the tenancy's namespace, too. velero-io/velero#9089, projectnessie/nessie#11441: "x-amz-content-sha256 must be
	// UNSIGNED-PAYLOAD or a valid sha256 value".
	{name: "OCI", pathStyle: true, checksums: whenRequired, rclone: rcloneOther, example: "https://<namespace>.compat.objectstorage.<region>.oraclecloud.com", hosts: []string{"*.compat.objectstorage.*.oraclecloud.com", "*.compat.objectstorage.*.oci.customer-oci.com"}},
	// velero-io/velero#8203.
	{name: "IBM", endpoint: "https://s3.{region}.cloud-object-storage.appdomain.cloud", pathStyle: true, checksums: whenRequired, rclone: "IBMCOS", hosts: []string{"s3.*.cloud-object-storage.appdomain.cloud", "s3.private.*.cloud-object-storage.appdomain.cloud", "s3.direct.*.cloud-object-storage.appdomain.cloud"}},
	// help.aliyun.com/en/oss/developer-reference/use-aws-sdks-to-access-oss for host and style; alibabacloud.com/help, error
	// 0017-00000804: no aws-chunked with an unsigned payload.
	{name: "Alibaba", endpoint: "https://s3.oss-{region}.aliyuncs.com", hostStyleOnly: true, checksums: whenRequired, rclone: "Alibaba", hosts: []string{"s3.*.aliyuncs.com", "*.aliyuncs.com"}},
	// supabase.com/docs/guides/storage/s3/authentication: the path is part of the endpoint, and the region is the project's.
	{name: "Supabase", pathStyle: true, checksums: whenRequired, rclone: rcloneOther, example: "https://<project>.storage.supabase.co/storage/v1/s3", hosts: []string{"*.storage.supabase.co", "*.supabase.co"}},
	// storj/gateway-st#89: no STREAMING-UNSIGNED-PAYLOAD-TRAILER.
	{name: "Storj", endpoint: "https://gateway.storjshare.io", region: defaultRegion, pathStyle: true, checksums: whenRequired, rclone: "Storj", hosts: []string{"gateway.storjshare.io", "gateway.*.storjshare.io"}},
	// gaul/s3proxy 4.0.0: path style unless S3PROXY_VIRTUALHOST; unsigned trailers only since 2.9.0.
	{name: "S3Proxy", region: defaultRegion, pathStyle: true, checksums: whenRequired, usesAmazonSTS: true, rclone: rcloneOther, words: []string{"s3proxy"}},
	// It may be Amazon's behind another host.
	{
		name: presetOther, region: defaultRegion, pathStyle: true, checksums: whenRequired, usesAmazonSTS: true,
		rclone: rcloneOther,
	},
}

// defaultRegion is what stores without regions of their own are asked in.
const defaultRegion = "us-east-1"

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
	l := location{
		region: s3.Region, endpoint: strings.TrimRight(s3.Endpoint, "/"), pathStyle: p.pathStyle, checksums: s3.Checksums,
	}
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
