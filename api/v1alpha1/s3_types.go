package v1alpha1

// S3Store is a bucket of Amazon S3 or of a store that speaks its protocol.
//
// +kubebuilder:validation:ExactlyOneOf=bucket;bucketFrom
// +kubebuilder:validation:XValidation:rule="has(self.region) || has(self.endpoint) || has(self.auth.ambient) || (has(self.preset) && self.preset != 'AWS')",message="region is required for Amazon S3, for example eu-west-1",fieldPath=".region",reason=FieldValueRequired
// +kubebuilder:validation:XValidation:rule="has(self.endpoint) || !has(self.preset) || !(self.preset in ['MinIO','RustFS','Garage','SeaweedFS','Ceph','R2','Linode','OCI','Supabase','S3Proxy','Other'])",message="endpoint is required for this preset, for example https://minio.storage.svc:9000",fieldPath=".endpoint",reason=FieldValueRequired
// +kubebuilder:validation:XValidation:rule="has(self.region) || !has(self.preset) || !(self.preset in ['B2','DigitalOcean','Wasabi','Scaleway','Hetzner','OVH','OCI','IBM','Alibaba','Supabase'])",message="region is required for this preset: its endpoint or its signature is made of the region",fieldPath=".region",reason=FieldValueRequired
// +kubebuilder:validation:XValidation:rule="!has(self.auth.webIdentity) || (has(self.preset) && self.preset != 'AWS') || self.auth.webIdentity.roleARN.matches('^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$')",message="must be the ARN of an IAM role, for example arn:aws:iam::111122223333:role/backup: a role of another store needs that store's preset",fieldPath=".auth.webIdentity.roleARN"
// +kubebuilder:validation:XValidation:rule="!has(self.auth.webIdentity) || !has(self.auth.webIdentity.assumeRole) || (has(self.preset) && self.preset != 'AWS') || self.auth.webIdentity.assumeRole.roleARN.matches('^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$')",message="must be the ARN of an IAM role, for example arn:aws:iam::444455556666:role/backup: a role of another store needs that store's preset",fieldPath=".auth.webIdentity.assumeRole.roleARN"
// +kubebuilder:validation:XValidation:rule="(has(self.preset) && self.preset != 'AWS') || !has(self.endpoint) || !self.endpoint.matches('(?i)^https?://') || self.endpoint.matches('(?i)^https?://[^/?#@]*[.](amazonaws[.]com|api[.]aws|amazonaws[.]com[.]cn|api[.]amazonwebservices[.]com[.]cn|amazonaws[.]eu|api[.]amazonwebservices[.]eu|c2s[.]ic[.]gov|api[.]aws[.]ic[.]gov|sc2s[.]sgov[.]gov|api[.]aws[.]scloud|cloud[.]adc-e[.]uk|api[.]cloud-aws[.]adc-e[.]uk|csp[.]hci[.]ic[.]gov|api[.]aws[.]hci[.]ic[.]gov)(:[0-9]*)?(/|$)')",messageExpression="'AWS is for Amazon S3 alone, and the host of the endpoint is none of it: set preset: ' + (self.endpoint.contains('.r2.cloudflarestorage.com') ? 'R2' : self.endpoint.contains('.backblazeb2.com') ? 'B2' : self.endpoint.contains('storage.googleapis.com') ? 'GCSInterop' : self.endpoint.contains('.digitaloceanspaces.com') ? 'DigitalOcean' : self.endpoint.contains('.linodeobjects.com') ? 'Linode' : self.endpoint.contains('.wasabisys.com') ? 'Wasabi' : self.endpoint.contains('.scw.cloud') ? 'Scaleway' : self.endpoint.contains('.your-objectstorage.com') ? 'Hetzner' : self.endpoint.contains('.io.cloud.ovh.net') || self.endpoint.contains('.io.cloud.ovh.us') || self.endpoint.contains('.perf.cloud.ovh.net') ? 'OVH' : self.endpoint.contains('.oraclecloud.com') || self.endpoint.contains('.oci.customer-oci.com') ? 'OCI' : self.endpoint.contains('.cloud-object-storage.appdomain.cloud') ? 'IBM' : self.endpoint.contains('.aliyuncs.com') ? 'Alibaba' : self.endpoint.contains('.storage.supabase.co') || self.endpoint.contains('.supabase.co') ? 'Supabase' : self.endpoint.contains('gateway.storjshare.io') || self.endpoint.contains('.storjshare.io') ? 'Storj' : self.endpoint.contains('minio') ? 'MinIO' : self.endpoint.contains('rustfs') ? 'RustFS' : self.endpoint.contains('garage') ? 'Garage' : self.endpoint.contains('seaweed') ? 'SeaweedFS' : self.endpoint.contains('ceph') || self.endpoint.contains('rgw') ? 'Ceph' : self.endpoint.contains('s3proxy') ? 'S3Proxy' : 'Other, or the name of the store where there is one for it')",fieldPath=".preset"
// +kubebuilder:validation:XValidation:rule="!has(self.forcePathStyle) || !self.forcePathStyle || !has(self.preset) || self.preset != 'Alibaba'",message="must not be true for this preset: Alibaba Cloud takes the bucket in the host name only",fieldPath=".forcePathStyle"
// +kubebuilder:validation:XValidation:rule="!has(self.auth.webIdentity) || has(self.auth.webIdentity.stsEndpoint) || !has(self.preset) || self.preset in ['AWS','Other','S3Proxy']",message="stsEndpoint is required with webIdentity for this preset: Amazon's token service knows no role of another store",fieldPath=".auth.webIdentity.stsEndpoint",reason=FieldValueRequired
// +kubebuilder:validation:XValidation:rule="!has(self.bucket) || !self.bucket.contains(':') || self.bucket.contains('/') || self.bucket.startsWith('arn:') || (has(self.preset) && self.preset == 'Ceph')",message="names a tenant, which only preset Ceph has: write the bucket's name alone",fieldPath=".bucket"
type S3Store struct {
	// The bucket's name. Exactly one of bucket and bucketFrom. With preset Ceph also tenant:bucket, the bucket of another
	// tenant; not every tool can use one. An access point of Amazon S3 goes by its alias.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('arn:')",message="is an ARN, which most tools do not take for a bucket: write the alias of the access point (it ends with -s3alias), or for a multi-region access point the name of one of its buckets"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('arn:') || self.matches('^([a-zA-Z0-9_]{1,128}:)?[a-zA-Z0-9][a-zA-Z0-9._-]{1,61}[a-zA-Z0-9]$')",message="must be the name of a bucket: 3 to 63 letters and digits, with - _ . between them; for a name that a ConfigMap or a Secret holds use bucketFrom"
	Bucket string `json:"bucket,omitempty"`
	// Where the bucket's name is, if only a ConfigMap or a Secret of the pod's namespace holds it, as for an
	// ObjectBucketClaim. Exactly one of bucket and bucketFrom.
	// +optional
	BucketFrom *BucketSource `json:"bucketFrom,omitempty"`

	// The part of the bucket that the pods use, without a slash at either end: payments/pg. In it {namespace},
	// {serviceAccount}, {workload} and {pod} stand for the pod's own, and are filled in when it is admitted: {workload} is the
	// name of the CronJob, Job, Deployment, StatefulSet, DaemonSet or operator's cluster that the pod belongs to. Without
	// a placeholder all pods of the profile use the same place.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.endsWith('/')",message="must not begin or end with a slash"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: for what differs between pods write {namespace}, {serviceAccount}, {workload} or {pod}"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([^{}]|[{](namespace|serviceAccount|workload|pod)[}])*$') && !self.contains('${')",message="has a brace that belongs to no placeholder: write {namespace}, {serviceAccount}, {workload} or {pod}"
	Prefix string `json:"prefix,omitempty"`

	// The bucket's region, for example eu-west-1. Required for Amazon S3; other stores have a default (see preset).
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-zA-Z0-9][a-zA-Z0-9-]*$')",message="must be the name of a region, for example eu-west-1"
	Region string `json:"region,omitempty"`

	// The URL of an S3-compatible store, with its scheme and without the bucket: https://minio.storage.svc:9000. Needs a preset,
	// unless it is a host of Amazon's, such as that of a VPC endpoint. Absent: the preset's.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHost() != ''",message="must be a URL with a scheme, for example https://minio.storage.svc:9000"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	Endpoint string `json:"endpoint,omitempty"`

	// Address the bucket in the path (https://host/bucket) and not in the host name (https://bucket.host). Absent:
	// as the preset says.
	// +optional
	ForcePathStyle *bool `json:"forcePathStyle,omitempty"`

	// The kind of store, for the quirks it is known for: path style, default region, endpoint, checksum mode.
	// Default AWS.
	// +optional
	// +default="AWS"
	Preset S3Preset `json:"preset,omitempty"`

	// When the SDKs compute and check their own checksums. WhenSupported: always (the SDKs' default). WhenRequired:
	// only where the operation demands it, for stores that refuse the newer checksums. Absent: as the preset says.
	// +optional
	Checksums ChecksumMode `json:"checksums,omitempty"`

	// How a pod proves who it is. Exactly one of the modes below.
	// +required
	Auth S3Auth `json:"auth"`
}

// S3Preset names a kind of S3 store.
//
// +kubebuilder:validation:Enum=AWS;MinIO;RustFS;Garage;SeaweedFS;Ceph;R2;B2;GCSInterop;DigitalOcean;Linode;Wasabi;Scaleway;Hetzner;OVH;OCI;IBM;Alibaba;Supabase;Storj;S3Proxy;Other
type S3Preset string

// PresetAWS is Amazon S3, the default preset.
const PresetAWS S3Preset = "AWS"

// ChecksumMode says when the AWS SDKs use their own checksums.
//
// +kubebuilder:validation:Enum=WhenSupported;WhenRequired
type ChecksumMode string

// The checksum modes.
const (
	ChecksumsWhenSupported ChecksumMode = "WhenSupported"
	ChecksumsWhenRequired  ChecksumMode = "WhenRequired"
)

// S3Auth is how a pod proves who it is to an S3 store.
//
// +kubebuilder:validation:ExactlyOneOf=webIdentity;podIdentity;accessKey;credentialsFile;ambient
type S3Auth struct {
	// The pod's service-account token is exchanged for the credentials of an IAM role ("IRSA"). Nothing secret is stored.
	// +optional
	WebIdentity *S3WebIdentity `json:"webIdentity,omitempty"`
	// The EKS Pod Identity agent on the node gives the credentials that an association binds to the service account.
	// Takes no fields: podIdentity: {}.
	// +optional
	PodIdentity *S3PodIdentity `json:"podIdentity,omitempty"`
	// An access key in a Secret of the pod's namespace, as variables.
	// +optional
	AccessKey *S3AccessKey `json:"accessKey,omitempty"`
	// An AWS shared-credentials file in a Secret of the pod's namespace. Its section [default] is used.
	// +optional
	CredentialsFile *KeyRef `json:"credentialsFile,omitempty"`
	// The identity that the pod has anyway, as a rule the role of its node, which all pods there share. Nothing but the
	// store's location is injected. Takes no fields: ambient: {}.
	// +optional
	Ambient *Ambient `json:"ambient,omitempty"`
}

// S3WebIdentity exchanges the pod's service-account token for the credentials of an IAM role.
type S3WebIdentity struct {
	// The ARN of the role: arn:aws:iam::111122223333:role/backup. Its trust policy must name the pod's service account.
	// With a preset other than AWS as that store writes it: arn:aws:iam::RGW33567154695143645:role/backup,
	// arn:minio:iam:::role/backup, urn:ecs:iam::team:role/backup. At least 20 characters, for the AWS SDKs refuse fewer.
	// +required
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="size(self) >= 20",message="has fewer than 20 characters, which the AWS SDKs refuse: give the role a longer name"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9][A-Za-z0-9+=,.@_/-]*:[A-Za-z0-9+=,.@_:/-]+$')",message="must be the ARN of a role, for example arn:aws:iam::111122223333:role/backup"
	RoleARN string `json:"roleARN"`
	// The audience of the token. Default sts.amazonaws.com.
	// +optional
	// +default="sts.amazonaws.com"
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^(https?://)?(kubernetes|kubernetes[.]default|kubernetes[.]default[.]svc([.].*)?|k3s|rke2)(:[0-9]+)?/*$|^https?://(oidc[.]eks[.]|container[.]googleapis[.]com/v1/projects/|[a-z0-9-]+[.]oic[.]prod-aks[.]azure[.]com/)')`,message="is an audience of the API server, where whoever receives the token could act as the pod: use the token service's own"
	Audience string `json:"audience,omitempty"`
	// The https URL of a security token service other than Amazon's, for stores that bring their own. Not every tool can use one.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getHost() != ''",message="must be an https URL, for example https://sts.example.com: the pod's token is sent there"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	STSEndpoint string `json:"stsEndpoint,omitempty"`
	// Use the token service of the region and not the global one. Without effect where stsEndpoint is set. Default true.
	// +optional
	// +default=true
	RegionalSTS *bool `json:"regionalSTS,omitempty"`
	// A second role, usually of another account. The role of roleARN assumes it, and the pods act as the second role only. Programs
	// read both roles from an AWS configuration file, which is not secret. Some tools cannot.
	// +optional
	AssumeRole *S3AssumeRole `json:"assumeRole,omitempty"`
}

// S3AssumeRole is a role that another role assumes.
type S3AssumeRole struct {
	// The ARN of the second role: arn:aws:iam::444455556666:role/backup. Its trust policy must allow sts:AssumeRole to the first,
	// and a policy of the first must allow sts:AssumeRole on it.
	// +required
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="size(self) >= 20",message="has fewer than 20 characters, which the AWS SDKs refuse: give the role a longer name"
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9][A-Za-z0-9+=,.@_/-]*:[A-Za-z0-9+=,.@_:/-]+$')",message="must be the ARN of a role, for example arn:aws:iam::444455556666:role/backup"
	RoleARN string `json:"roleARN"`
	// The external ID that the second role's trust policy demands (sts:ExternalId). It is no secret: it stands in the pod.
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=1224
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_+=,.@:/-]+$')",message="must have letters, digits and _ + = , . @ : / - only, as AWS demands of an external ID"
	ExternalID string `json:"externalID,omitempty"`
	// The name of the second role's session, by which CloudTrail shows the pods. Absent: the SDKs make one up, and the uploader
	// takes lighterman- and the pod's name.
	// +optional
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9_+=,.@-]+$')",message="must have letters, digits and _ + = , . @ - only, as AWS demands of a session's name"
	SessionName string `json:"sessionName,omitempty"`
}

// S3PodIdentity is the EKS Pod Identity agent.
type S3PodIdentity struct{}

// S3AccessKey is an access key in Secrets of the pod's namespace.
type S3AccessKey struct {
	// Where the access key's ID is.
	// +required
	AccessKeyID KeyRef `json:"accessKeyID"`
	// Where the secret access key is.
	// +required
	SecretAccessKey KeyRef `json:"secretAccessKey"`
	// Where the session token of temporary credentials is.
	// +optional
	SessionToken *KeyRef `json:"sessionToken,omitempty"`
}

// Ambient is the identity that the pod has without Lighterman.
type Ambient struct{}
