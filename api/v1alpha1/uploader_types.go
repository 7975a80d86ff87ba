package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Uploader is the native sidecar that uploads the files of a directory and proves that they arrived.
type Uploader struct {
	// The spool: the directory whose files are uploaded. The volume that the containers mount there is shared with
	// the sidecar; where there is none, an emptyDir is made. A pod overrides it with the annotation
	// lighterman.dev/upload.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.startsWith('/') && self != '/' && !self.contains('..') && !self.contains(':')",message="must be an absolute path other than /, for example /backup"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	Path string `json:"path,omitempty"`
	// The size limit of the emptyDir, where one is made.
	// +optional
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))",message="must be a number of bytes above zero, for example 10Gi"
	SizeLimit *resource.Quantity `json:"sizeLimit,omitempty"`
	// OnClose: a file is uploaded when its writer has closed or renamed it. Stream: its parts are uploaded while it
	// still grows. Default OnClose.
	// +optional
	// +default="OnClose"
	// +kubebuilder:validation:Enum=OnClose;Stream
	Upload string `json:"upload,omitempty"`
	// The files that are uploaded, as patterns relative to the spool. Default all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	// +kubebuilder:validation:items:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	Include []string `json:"include,omitempty"`
	// The files that are not, although include names them.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	// +kubebuilder:validation:items:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	Exclude []string `json:"exclude,omitempty"`
	// The object's key below the prefix; {namespace}, {pod}, {uid} and {path} are filled in. Default
	// {namespace}/{pod}/{path}.
	// +optional
	// +default="{namespace}/{pod}/{path}"
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.contains('{path}')",message="must contain {path}: files would overwrite each other"
	// +kubebuilder:validation:XValidation:rule="self.matches('^([^{}]|[{](namespace|pod|uid|path)[}])*$')",message="has a placeholder that does not exist: write {namespace}, {pod}, {uid} or {path}"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.endsWith('/') && !self.contains('//')",message="must not have a slash at either end, nor two in a row"
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	Key string `json:"key,omitempty"`
	// Drain: what is left is uploaded after the containers have ended. Wrap: the containers' commands are wrapped, and
	// fail when the upload failed. Default Drain.
	// +optional
	// +default="Drain"
	// +kubebuilder:validation:Enum=Drain;Wrap
	Completion string `json:"completion,omitempty"`
	// Who gets the profile's identity in a pod that has an uploader. Uploader: Lighterman's own containers alone, so the
	// containers that write the files hold nothing that opens the store. Containers: the pod's containers, too. Whatever is
	// set here, the pod's annotation lighterman.dev/containers gives the identity to the containers that it names, and tools
	// (the profile's, or those of the annotation lighterman.dev/tools) give it to all. Default Uploader.
	// +optional
	// +default="Uploader"
	// +kubebuilder:validation:Enum=Uploader;Containers
	Identity string `json:"identity,omitempty"`
	// How long the drain may take. Raises the pod's terminationGracePeriodSeconds, never lowers it. Default 600.
	// +optional
	// +default=600
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	DrainTimeoutSeconds *int64 `json:"drainTimeoutSeconds,omitempty"`
	// Replace objects that exist already. Default false: an object that exists is never replaced.
	// +optional
	Overwrite bool `json:"overwrite,omitempty"`
	// Keep: files stay in the spool. Delete: a file is deleted once its object is durable. Default Keep.
	// +optional
	// +default="Keep"
	// +kubebuilder:validation:Enum=Keep;Delete
	AfterUpload string `json:"afterUpload,omitempty"`
	// The size of a part, in MiB.
	// +optional
	// +kubebuilder:validation:Minimum=5
	// +kubebuilder:validation:Maximum=5120
	PartSizeMiB *int32 `json:"partSizeMiB,omitempty"`
	// How many parts are uploaded at once.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	Concurrency *int32 `json:"concurrency,omitempty"`
	// The most bytes that are sent in a second: 50Mi.
	// +optional
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))",message="must be a number of bytes above zero, for example 50Mi"
	BandwidthLimit *resource.Quantity `json:"bandwidthLimit,omitempty"`
	// The storage class or access tier of the objects.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	StorageClass string `json:"storageClass,omitempty"`
	// Encryption by the store.
	// +optional
	SSE *SSE `json:"sse,omitempty"`
	// Protection of the objects against change and deletion.
	// +optional
	ObjectLock *ObjectLock `json:"objectLock,omitempty"`
	// Tags that each object gets.
	// +optional
	// +kubebuilder:validation:MaxProperties=10
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.contains('$(') && !self[k].contains('$('))",message="must not contain $(: it becomes part of a variable, in which $(NAME) would be replaced"
	// +kubebuilder:validation:XValidation:rule=`self.all(k, k.matches('^\\P{Cc}*$') && self[k].matches('^\\P{Cc}*$'))`,message="must not contain control characters"
	// +kubebuilder:validation:XValidation:rule="self.all(k, size(k) <= 128 && size(self[k]) <= 256)",message="must have keys of at most 128 and values of at most 256 characters"
	Tags map[string]string `json:"tags,omitempty"`
	// The port at which the sidecar serves Prometheus metrics, at /metrics over plain HTTP. Absent: it serves none.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	MetricsPort *int32 `json:"metricsPort,omitempty"`
	// The sidecar's resources. Absent: modest requests and limits.
	// +optional
	// +kubebuilder:validation:XValidation:rule="(!has(self.limits) || size(self.limits) <= 16) && (!has(self.requests) || size(self.requests) <= 16) && (!has(self.claims) || size(self.claims) <= 16)",message="must have at most 16 limits, requests and claims each"
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
	// The sidecar's security context. What it leaves out is as the restricted profile wants it, with the user of the
	// containers that have the spool.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.capabilities) || ((!has(self.capabilities.add) || size(self.capabilities.add) <= 64) && (!has(self.capabilities.drop) || size(self.capabilities.drop) <= 64))",message="must add and drop at most 64 capabilities"
	SecurityContext *corev1.SecurityContext `json:"securityContext,omitempty"`
}

// SSE is encryption by the store.
//
// +kubebuilder:validation:XValidation:rule="self.algorithm == 'KMS' || !has(self.kmsKeyID)",message="kmsKeyID names a key of the KMS: set algorithm: KMS, or remove kmsKeyID",fieldPath=".kmsKeyID"
type SSE struct {
	// AES256: the store's own key. KMS: a key of the key management service.
	// +required
	// +kubebuilder:validation:Enum=AES256;KMS
	Algorithm string `json:"algorithm"`
	// The key's ID or ARN.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule=`!self.contains('$(') && self.matches('^\\P{Cc}*$')`,message="must not contain $( or control characters: it becomes part of a variable, in which $(NAME) would be replaced"
	KMSKeyID string `json:"kmsKeyID,omitempty"`
}

// ObjectLock protects objects against change and deletion.
type ObjectLock struct {
	// Governance: those with the permission may lift it. Compliance: nobody may.
	// +required
	// +kubebuilder:validation:Enum=Governance;Compliance
	Mode string `json:"mode"`
	// For how many days.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	Days int32 `json:"days"`
}
