package injector

import "lighterman.dev/lighterman/profile"

// Labels and annotations, the contract with users. Do not change one: manifests in the field name them.
const (
	// NamespaceLabel opts a namespace in; its value is InjectionEnabled or InjectionSelected.
	NamespaceLabel    = "lighterman.dev/injection"
	InjectionEnabled  = "enabled"  // annotated pods
	InjectionSelected = "selected" // annotated pods, and those that a profile's selector matches

	AnnotationProfile        = "lighterman.dev/profile"
	AnnotationClusterProfile = "lighterman.dev/cluster-profile"
	AnnotationInject         = "lighterman.dev/inject"
	AnnotationContainers     = "lighterman.dev/containers"
	AnnotationSkipContainers = "lighterman.dev/skip-containers"
	AnnotationTools          = "lighterman.dev/tools"
	AnnotationUpload         = "lighterman.dev/upload"
	AnnotationCompletion     = "lighterman.dev/completion"
	// AnnotationWorkload is what {workload} stands for in a prefix.
	AnnotationWorkload = "lighterman.dev/workload"
	// AnnotationPgbackrestRepository chooses the repository in place of spec.toolOptions.pgbackrest.repository.
	AnnotationPgbackrestRepository = "lighterman.dev/pgbackrest-repository"
	// AnnotationInjected is set by the webhook: compact JSON, see Record.
	AnnotationInjected = "lighterman.dev/injected"
	// AnnotationAdded is set by the webhook: compact JSON, see Added.
	AnnotationAdded = "lighterman.dev/added"
	// AnnotationGCPCredentials and AnnotationAWSConfig are set by the webhook: configuration files, which the pod mounts.
	AnnotationGCPCredentials = profile.AnnotationGCPCredentials
	AnnotationAWSConfig      = profile.AnnotationAWSConfig
	// AnnotationAnnotatedFor is set by the webhook on service accounts: the profiles that asked for their annotations, as
	// kind/name separated by commas, in the order in which they asked.
	AnnotationAnnotatedFor = "lighterman.dev/annotated-for"
)

// Names in the pod. Do not change one: a second pass, the admission policy and users' own tools recognise them.
const (
	// VolumeName is the projected volume with the credential files.
	VolumeName = "lighterman-credentials"
	// MountPath is where VolumeName is mounted.
	MountPath = "/var/run/secrets/lighterman.dev"
	// BundleVolumeName is the emptyDir with the joined CA bundle, BundleMountPath where it is mounted. It cannot lie
	// below MountPath: a read-only volume holds no mount point that it does not contain.
	BundleVolumeName = "lighterman-ca-bundle"
	BundleMountPath  = "/var/run/lighterman.dev/ca-bundle"
	// BundleContainerName is the init container that joins the CA bundle.
	BundleContainerName = "lighterman-ca-bundle"
)

// Files in the volumes; the auth mode names a profile's own credential file.
const (
	tokenFile    = "token"
	jksFile      = "truststore.jks"
	pkcs12File   = "truststore.p12"
	caFile       = "ca.crt"
	issuerCAFile = "token-proxy-ca.crt"
)
