package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CredentialProfile describes an object store and how the pods of its namespace prove who they are to it. A pod
// names it in the annotation lighterman.dev/profile.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=cprof,categories=lighterman
// +kubebuilder:printcolumn:name="Store",type=string,JSONPath=`.status.store`,description="The store, as a URL"
// +kubebuilder:printcolumn:name="Auth",type=string,JSONPath=`.status.auth`,description="How a pod proves who it is"
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`,description="Whether pods can be injected with the profile"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Accepted")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type CredentialProfile struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the store is and how pods reach it. Exactly one of s3, azure and gcs.
	// +required
	Spec CredentialProfileSpec `json:"spec"`
	// What Lighterman made of the profile. Written by Lighterman.
	// +optional
	Status ProfileStatus `json:"status,omitempty"`
}

// CredentialProfileList is a list of CredentialProfiles.
//
// +kubebuilder:object:root=true
type CredentialProfileList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CredentialProfile `json:"items"`
}

// ClusterCredentialProfile is a CredentialProfile for the pods of many namespaces. A pod names it in the annotation
// lighterman.dev/cluster-profile; spec.allowedNamespaces says which namespaces may. Secrets and ConfigMaps that it
// names are those of the pod's own namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=ccprof,categories=lighterman
// +kubebuilder:printcolumn:name="Store",type=string,JSONPath=`.status.store`,description="The store, as a URL"
// +kubebuilder:printcolumn:name="Auth",type=string,JSONPath=`.status.auth`,description="How a pod proves who it is"
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`,description="Whether pods can be injected with the profile"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Accepted")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ClusterCredentialProfile struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// What the store is, how pods reach it, and which namespaces may use it. Exactly one of s3, azure and gcs.
	// +required
	Spec ClusterCredentialProfileSpec `json:"spec"`
	// What Lighterman made of the profile. Written by Lighterman.
	// +optional
	Status ProfileStatus `json:"status,omitempty"`
}

// ClusterCredentialProfileList is a list of ClusterCredentialProfiles.
//
// +kubebuilder:object:root=true
type ClusterCredentialProfileList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterCredentialProfile `json:"items"`
}

// ClusterCredentialProfileSpec is a CredentialProfileSpec and the namespaces that may use it.
type ClusterCredentialProfileSpec struct {
	CredentialProfileSpec `json:",inline"`

	// The namespaces whose pods may use the profile, by their labels. Absent or empty: no namespace. For all
	// namespaces, write matchExpressions: [{key: kubernetes.io/metadata.name, operator: Exists}].
	// +optional
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || size(self.matchLabels) <= 64) && (!has(self.matchExpressions) || size(self.matchExpressions) <= 64)",message="must have at most 64 labels and 64 expressions"
	AllowedNamespaces *metav1.LabelSelector `json:"allowedNamespaces,omitempty"`
}

// CredentialProfileSpec says what a store is, how a pod proves who it is, and what else the pod is given.
//
// +kubebuilder:validation:ExactlyOneOf=s3;azure;gcs
type CredentialProfileSpec struct {
	// The store is Amazon S3 or speaks its protocol. One of s3, azure and gcs.
	// +optional
	S3 *S3Store `json:"s3,omitempty"`
	// The store is an Azure Blob Storage container. One of s3, azure and gcs.
	// +optional
	Azure *AzureStore `json:"azure,omitempty"`
	// The store is a Google Cloud Storage bucket. One of s3, azure and gcs.
	// +optional
	GCS *GCSStore `json:"gcs,omitempty"`

	// The certificate authorities by which the store's TLS certificate is checked. Absent: the container's own roots.
	// +optional
	CABundle *CABundle `json:"caBundle,omitempty"`

	// How long a projected service-account token is valid, in seconds. The kubelet renews it at 80 % of that time.
	// 600 to 86400; default 3600. The cluster may cap it.
	// +optional
	// +default=3600
	// +kubebuilder:validation:Minimum=600
	// +kubebuilder:validation:Maximum=86400
	TokenExpirationSeconds *int64 `json:"tokenExpirationSeconds,omitempty"`

	// Whether Lighterman annotates the pod's service account with the identity.
	// +optional
	ServiceAccount *ServiceAccountSettings `json:"serviceAccount,omitempty"`

	// The backup tools whose own environment is injected besides that of the cloud SDKs. Default: none. A pod
	// overrides the list with the annotation lighterman.dev/tools. A tool that cannot use the store or the auth mode makes
	// the profile not accepted, and the message says what to use instead. K8up speaks restic's dialect.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	Tools []Tool `json:"tools,omitempty"`

	// How the tools are told where the store is.
	// +optional
	ToolOptions *ToolOptions `json:"toolOptions,omitempty"`

	// Further environment variables, injected behind all others. A value may refer to an injected variable with
	// $(NAME). Literals only: a Secret belongs in the container's own env. At most 64, and 32 KiB of names and values
	// together: each container of a pod gets its own copy.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule="self.map(e, size(bytes(e.name)) + size(bytes(e.value))).sum() <= 32768",message="must have at most 32768 bytes of names and values together: each container of a pod gets its own copy"
	Env []EnvVar `json:"env,omitempty"`

	// The HTTP proxy through which the store is reached, for the pod's containers, the uploader and the doctor alike. It
	// is injected as HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in upper and in lower case. Absent: none; proxies may also stand
	// in env, but not beside this field.
	// +optional
	Proxy *Proxy `json:"proxy,omitempty"`

	// The native sidecar that uploads the files of a directory. Absent: no sidecar.
	// +optional
	Uploader *Uploader `json:"uploader,omitempty"`

	// The pods that are injected without an annotation of their own, in namespaces labelled
	// lighterman.dev/injection=selected: for pods made by operators that offer no way to annotate them. A pod must fulfil
	// both podSelector and serviceAccounts, where both are set; at least one must be.
	// +optional
	Selector *PodSelector `json:"selector,omitempty"`

	// The service accounts whose pods may use the profile, by name, without a namespace. Empty: every service account.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="must be the name of a service account, without its namespace"
	AllowedServiceAccounts []string `json:"allowedServiceAccounts,omitempty"`
}

// ServiceAccountSettings says whether service accounts are annotated.
type ServiceAccountSettings struct {
	// WhenRequired: only where the identity cannot work without it (iam.gke.io/gcp-service-account, for GKE workload
	// identity through a Google service account). Always: also eks.amazonaws.com/role-arn for webIdentity, and
	// azure.workload.identity/client-id and tenant-id for workloadIdentity. Never: somebody else writes what is required;
	// without it the pod is denied, with the kubectl command to run. Default WhenRequired.
	// +optional
	// +default="WhenRequired"
	Annotate AnnotatePolicy `json:"annotate,omitempty"`
}

// AnnotatePolicy says when a service account is annotated.
//
// +kubebuilder:validation:Enum=Never;WhenRequired;Always
type AnnotatePolicy string

// The annotate policies.
const (
	AnnotateNever        AnnotatePolicy = "Never"
	AnnotateWhenRequired AnnotatePolicy = "WhenRequired"
	AnnotateAlways       AnnotatePolicy = "Always"
)

// Tool names a dialect: the environment that one backup tool reads.
//
// +kubebuilder:validation:Enum=barman;restic;rclone;wal-g;pgbackrest;kopia;velero;litestream;xbcloud;mc;duplicity;s3proxy
type Tool string

// EnvVar is an environment variable with a literal value.
//
// +kubebuilder:validation:XValidation:rule="!self.name.startsWith('LIGHTERMAN_')",message="names that begin with LIGHTERMAN_ are set by Lighterman itself: choose another name",fieldPath=".name"
type EnvVar struct {
	// The variable's name.
	// +required
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",message="must be the name of a variable: letters, digits and _, not beginning with a digit"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^(LD_.*|DYLD_.*|GCONV_PATH|GETCONF_DIR|GLIBC_TUNABLES|LOCPATH|NLSPATH|MALLOC_TRACE|NIS_PATH|OPENSSL_CONF|OPENSSL_ENGINES|OPENSSL_MODULES|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|RESOLV_HOST_CONF|BASH_ENV|BASH_LOADABLES_PATH|ENV|PS0|PS1|PS2|PS4|PROMPT_COMMAND|SHELLOPTS|BASHOPTS|IFS|CDPATH|GLOBIGNORE|ZDOTDIR|SHELL|PATH|PYTHONPATH|PYTHONHOME|PYTHONSTARTUP|PYTHONBREAKPOINT|PYTHONINSPECT|PYTHONUSERBASE|PYTHONWARNINGS|PYTHONPYCACHEPREFIX|PYTHONPLATLIBDIR|PYTHONEXECUTABLE|PERLLIB|PERL5LIB|PERL5OPT|PERL5DB|RUBYOPT|RUBYLIB|GEM_HOME|GEM_PATH|BUNDLE_.*|NODE_OPTIONS|NODE_PATH|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH|PHPRC|PHP_INI_SCAN_DIR|LUA_INIT.*|LUA_PATH.*|LUA_CPATH.*|TCLLIBPATH|DOTNET_STARTUP_HOOKS|DOTNET_ADDITIONAL_DEPS|CORECLR_.*|COR_.*|.*_COMMAND|.*_PASSCOMMAND|.*_ASKPASS|.*_RSH|GIT_.*|EDITOR|VISUAL|PAGER|BROWSER|LESSOPEN|LESSCLOSE|TAR_OPTIONS|RSYNC_CONNECT_PROG|BORG_REMOTE_PATH|RCLONE_.*SSH|RCLONE_.*METADATA_MAPPER|PGBACKREST_.*CMD|PGBACKREST_.*CMD_SSH|KUBERNETES_.*|KUBECONFIG|PYTHONHTTPSVERIFY|NODE_TLS_REJECT_UNAUTHORIZED|SSLKEYLOGFILE)$')",message="would make a program of the container run other code, or trust another peer: set it in the container itself"
	// +kubebuilder:validation:MaxLength=256
	Name string `json:"name"`
	// The variable's value; may refer to an injected variable with $(NAME). Must not be empty: some tools take an
	// empty variable for a setting.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:XValidation:rule=`self.matches('^[\\P{Cc}\\t\\n\\r]*$')`,message="must not contain control characters other than tab and line breaks"
	Value string `json:"value"`
}

// PodSelector selects pods by labels, by service account, or both; a pod must fulfil what is set.
//
// +kubebuilder:validation:AtLeastOneOf=podSelector;serviceAccounts
type PodSelector struct {
	// The labels of the pods. An empty selector ({}) selects every pod of the namespace.
	// +optional
	// +kubebuilder:validation:XValidation:rule="(!has(self.matchLabels) || size(self.matchLabels) <= 64) && (!has(self.matchExpressions) || size(self.matchExpressions) <= 64)",message="must have at most 64 labels and 64 expressions"
	PodSelector *metav1.LabelSelector `json:"podSelector,omitempty"`
	// The names of the pods' service accounts.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="must be the name of a service account, without its namespace"
	// +kubebuilder:validation:items:MaxLength=253
	ServiceAccounts []string `json:"serviceAccounts,omitempty"`
}

// KeyRef names one key of a Secret in the pod's namespace. Lighterman never reads the Secret: the kubelet does.
type KeyRef struct {
	// The Secret's name.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",message="must be a name: lower-case letters and digits, with dashes and dots between them"
	Name string `json:"name"`
	// The key in the Secret's data.
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$')",message="must be a key: letters, digits, '-', '_' and '.', but not '.' alone, nor '..' in front"
	Key string `json:"key"`
}

// ConditionAccepted is the type of the condition that says whether pods can be injected with a profile.
const ConditionAccepted = "Accepted"

// The reasons of the Accepted condition.
const (
	ReasonAccepted     = "Accepted"
	ReasonNotSupported = "NotSupported"
	ReasonInvalid      = "Invalid"
)

// ProfileStatus says what Lighterman made of a profile.
type ProfileStatus struct {
	// The generation of the spec that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// The store as a URL, for people: s3://bucket/prefix.
	// +optional
	Store string `json:"store,omitempty"`
	// The auth mode, for people: webIdentity, accessKey…
	// +optional
	Auth string `json:"auth,omitempty"`
	// Accepted is True when pods can be injected with the profile; otherwise its message lists every problem.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +patchStrategy=merge
	// +patchMergeKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty" patchStrategy:"merge" patchMergeKey:"type"`
}
