package v1alpha1

// GCSStore is a Google Cloud Storage bucket.
//
// +kubebuilder:validation:ExactlyOneOf=bucket;bucketFrom
// +kubebuilder:validation:XValidation:rule="!has(self.endpoint) || !isURL(self.endpoint) || url(self.endpoint).getScheme() != 'http' || has(self.auth.ambient)",message="must be an https URL with this auth mode, which sends a token: http is accepted with ambient",fieldPath=".endpoint"
// +kubebuilder:validation:XValidation:rule="!has(self.auth) || !has(self.auth.workloadIdentityFederation) || !has(self.auth.workloadIdentityFederation.audience) || !self.auth.workloadIdentityFederation.audience.startsWith('//') || self.auth.workloadIdentityFederation.audience.startsWith('//iam.googleapis.com/') || (has(self.universeDomain) && self.auth.workloadIdentityFederation.audience.startsWith('//iam.' + self.universeDomain + '/'))",message="names a provider of another universe than universeDomain: begin it with //iam.googleapis.com/, which Google's command line writes in every universe, or with //iam. and universeDomain",fieldPath=".auth.workloadIdentityFederation.audience"
type GCSStore struct {
	// The bucket's name. Exactly one of bucket and bucketFrom.
	// +optional
	// +kubebuilder:validation:MaxLength=222
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9][a-z0-9._-]+[a-z0-9]$')",message="must be the name of a bucket: 3 or more lower-case letters and digits, with - _ . between them; for a name that a ConfigMap or a Secret holds use bucketFrom"
	Bucket string `json:"bucket,omitempty"`
	// Where the bucket's name is, if only a ConfigMap or a Secret of the pod's namespace holds it. Exactly one of bucket
	// and bucketFrom.
	// +optional
	BucketFrom *BucketSource `json:"bucketFrom,omitempty"`

	// The part of the bucket that the pods use, without a slash at either end. In it {namespace},
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

	// The ID of the project that the bucket belongs to. Tools written in Python need it where the credentials do not tell.
	// +optional
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$')",message="must be the ID of a project (not its name or number), for example backups-271828"
	// +kubebuilder:validation:MaxLength=128
	ProjectID string `json:"projectID,omitempty"`

	// The domain of the Google Cloud universe that the bucket and the identity are in: that of a cloud which a partner of
	// Google runs, for example s3nsapis.fr. Default googleapis.com. Not every tool can use one.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)+$')",message="must be a domain, for example s3nsapis.fr"
	UniverseDomain string `json:"universeDomain,omitempty"`

	// The URL of the storage service where it is not Google's own. Not every tool can use one.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHost() != ''",message="must be a URL with a scheme, for example https://storage.googleapis.com"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	Endpoint string `json:"endpoint,omitempty"`

	// How a pod proves who it is. Exactly one of the modes below.
	// +required
	Auth GCSAuth `json:"auth"`
}

// GCSAuth is how a pod proves who it is to Google Cloud.
//
// +kubebuilder:validation:ExactlyOneOf=gkeWorkloadIdentity;workloadIdentityFederation;serviceAccountKey;ambient
type GCSAuth struct {
	// GKE's metadata server, which knows the pod, gives the credentials. For the pod's own principal:
	// gkeWorkloadIdentity: {}.
	// +optional
	GKEWorkloadIdentity *GKEWorkloadIdentity `json:"gkeWorkloadIdentity,omitempty"`
	// The pod's service-account token is exchanged for a Google token, from any cluster. Nothing secret is stored.
	// +optional
	WorkloadIdentityFederation *GCPWorkloadIdentityFederation `json:"workloadIdentityFederation,omitempty"`
	// A Google service-account key (JSON) in a Secret of the pod's namespace.
	// +optional
	ServiceAccountKey *KeyRef `json:"serviceAccountKey,omitempty"`
	// The identity that the pod has anyway, as a rule the service account of its node, which all pods there share. Nothing
	// but the store's location is injected. Takes no fields: ambient: {}.
	// +optional
	Ambient *Ambient `json:"ambient,omitempty"`
}

// GKEWorkloadIdentity is GKE's workload identity.
type GKEWorkloadIdentity struct {
	// The Google service account that the pod acts as; the pod's service account is annotated with it. Absent: the pod's
	// own principal, to which roles can be granted directly.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9-]+@[a-z0-9.-]+[.]gserviceaccount[.]com$')",message="must be the address of a Google service account, for example backup@my-project.iam.gserviceaccount.com"
	ServiceAccount string `json:"serviceAccount,omitempty"`
}

// GCPWorkloadIdentityFederation exchanges the pod's service-account token for a Google token.
type GCPWorkloadIdentityFederation struct {
	// The workload identity provider that takes the pod's token, as Google names it:
	// //iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/provider. For a cluster of a
	// fleet: identitynamespace:, the fleet's pool and the cluster's membership, for example
	// identitynamespace:my-project.svc.id.goog:https://gkehub.googleapis.com/projects/my-project/locations/global/memberships/on-premises.
	// +required
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.matches('^//iam[.][a-z0-9.-]+/projects/[0-9]+/locations/global/workloadIdentityPools/[a-z0-9-]+/providers/[a-z0-9-]+$|^identitynamespace:[a-z0-9.-]+[.]goog:https://[a-z0-9.-]+/[A-Za-z0-9._:/-]+$')",message="must be a workload identity provider, //iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/provider, or identitynamespace:POOL:PROVIDER of a fleet"
	Audience string `json:"audience"`
	// The audience of the pod's token, as the provider allows it. Default https: and the provider; for a cluster of a fleet
	// the fleet's pool, my-project.svc.id.goog.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	// +kubebuilder:validation:XValidation:rule=`!self.matches('^(https?://)?(kubernetes|kubernetes[.]default|kubernetes[.]default[.]svc([.].*)?|k3s|rke2)(:[0-9]+)?/*$|^https?://(oidc[.]eks[.]|container[.]googleapis[.]com/v1/projects/|[a-z0-9-]+[.]oic[.]prod-aks[.]azure[.]com/)')`,message="is an audience of the API server, where whoever receives the token could act as the pod: use the token service's own"
	TokenAudience string `json:"tokenAudience,omitempty"`
	// The Google service account to impersonate. Absent: the provider's principal is used directly.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9-]+@[a-z0-9.-]+[.]gserviceaccount[.]com$')",message="must be the address of a Google service account, for example backup@my-project.iam.gserviceaccount.com"
	ServiceAccount string `json:"serviceAccount,omitempty"`
	// The URL of the token service. Default https://sts.googleapis.com/v1/token, or that of universeDomain.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() == 'https' && url(self).getHost() != ''",message="must be an https URL, for example https://sts.googleapis.com/v1/token"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	TokenURL string `json:"tokenURL,omitempty"`
}
