package injector

import (
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

var gcsStore = store{
	name:     "gcs",
	scheme:   "gs",
	set:      func(s *v1alpha1.CredentialProfileSpec) bool { return s.GCS != nil },
	place:    func(s *v1alpha1.CredentialProfileSpec) (string, string) { return s.GCS.Bucket, s.GCS.Prefix },
	modes:    gcsModes,
	groups:   groupGoogle | groupGoogleProject | groupGoogleEndpoint | groupGoogleSwitch | groupRequestsCA,
	identity: groupGoogle, identities: gcsIdentities, rivals: gcsRivals,
	check: func(p *problems, s *v1alpha1.CredentialProfileSpec) {
		p.required("spec.gcs.bucket", s.GCS.Bucket)
		// Emulators want no identity, and then none is sent.
		p.checkBearerURL("spec.gcs.endpoint", s.GCS.Endpoint, s.GCS.Auth.Ambient != nil, "ambient")
	},
	env:    gcsEnv,
	upload: gcsUpload,
}

// gcsModes has a row for each auth mode of the API. A file that GOOGLE_APPLICATION_CREDENTIALS names is the only identity
// that the libraries try: a bad one is an error, and the metadata server is not asked (google-auth _default.py,
// cloud.google.com/go/auth v0.24.3 credentials/detect.go). gcloud does ask it unless told not to.
var gcsModes = []mode{
	{
		// GKE's metadata server knows the pod: nothing is to be said (cloud.google.com/kubernetes-engine/docs/concepts/workload-identity).
		// It learns of a Google service account from the annotation alone.
		name: "gkeWorkloadIdentity",
		set:  func(s *v1alpha1.CredentialProfileSpec) bool { return s.GCS.Auth.GKEWorkloadIdentity != nil },
		annotations: func(s *v1alpha1.CredentialProfileSpec) []Annotation {
			account := s.GCS.Auth.GKEWorkloadIdentity.ServiceAccount
			return []Annotation{{Key: annotationGCPServiceAccount, Value: account, Required: true}}
		},
		linkLocal: googleMetadata,
		inherits:  true,
		ofPod:     true,
	},
	{
		name: "workloadIdentityFederation",
		set:  func(s *v1alpha1.CredentialProfileSpec) bool { return s.GCS.Auth.WorkloadIdentityFederation != nil },
		check: func(p *problems, s *v1alpha1.CredentialProfileSpec) {
			federation := s.GCS.Auth.WorkloadIdentityFederation
			p.required("spec.gcs.auth.workloadIdentityFederation.audience", federation.Audience)
			p.checkTokenURL("spec.gcs.auth.workloadIdentityFederation.tokenURL", federation.TokenURL)
		},
		// The audience that a provider accepts unless it lists others: cloud.google.com/iam/docs/workload-identity-federation-with-kubernetes.
		audience: func(s *v1alpha1.CredentialProfileSpec) string {
			return "https:" + s.GCS.Auth.WorkloadIdentityFederation.Audience
		},
		document: externalAccount,
		fileName: gcpCredentialsFile,
		tokenService: func(s *v1alpha1.CredentialProfileSpec) (string, string) {
			return "the Google token service", setAppend
		},
		env: googleFile,
	},
	{
		name: "serviceAccountKey",
		set:  func(s *v1alpha1.CredentialProfileSpec) bool { return s.GCS.Auth.ServiceAccountKey != nil },
		check: func(p *problems, s *v1alpha1.CredentialProfileSpec) {
			p.checkKeyRef("spec.gcs.auth.serviceAccountKey", s.GCS.Auth.ServiceAccountKey)
		},
		file:     func(s *v1alpha1.CredentialProfileSpec) *v1alpha1.KeyRef { return s.GCS.Auth.ServiceAccountKey },
		fileName: gcpCredentialsFile,
		tokenService: func(*v1alpha1.CredentialProfileSpec) (string, string) {
			return "the Google token service", setAppend
		},
		env: googleFile,
	},
	{
		name:      "ambient",
		set:       func(s *v1alpha1.CredentialProfileSpec) bool { return s.GCS.Auth.Ambient != nil },
		linkLocal: googleMetadata,
		inherits:  true,
	},
}

// googleFile adds the variables of a credential file: the libraries', and gcloud's, which takes no notice of the former
// (google-cloud-cli 528.0.0 core/properties.py, core/credentials/store.py).
func googleFile(e *environment) {
	e.add("GOOGLE_APPLICATION_CREDENTIALS", e.files.credentials, groupGoogle)
	e.add("CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE", e.files.credentials, groupGoogle)
	// Else gcloud goes on to the account of the node.
	e.add("CLOUDSDK_CORE_CHECK_GCE_METADATA", "false", groupGoogleSwitch)
}

// gcsEnv is the environment of Google's libraries and of gcloud.
func gcsEnv(e *environment) {
	gcs := e.spec.GCS
	endpoint := strings.TrimRight(gcs.Endpoint, "/")
	e.add("LIGHTERMAN_PROVIDER", "gcs", 0)
	e.add("LIGHTERMAN_BUCKET", gcs.Bucket, 0)
	e.add("LIGHTERMAN_PREFIX", gcs.Prefix, 0)
	e.add("LIGHTERMAN_ENDPOINT", endpoint, 0)
	e.add("LIGHTERMAN_CA_FILE", e.files.ca, 0)
	e.add("LIGHTERMAN_TOKEN_FILE", e.files.token, groupGoogle)

	// Python's storage.Client() fails where it cannot find out the project (python-storage client.py).
	e.add("GOOGLE_CLOUD_PROJECT", gcs.ProjectID, groupGoogleProject)
	e.add("CLOUDSDK_CORE_PROJECT", gcs.ProjectID, groupGoogleProject)
	if endpoint != "" {
		// Never STORAGE_EMULATOR_HOST: it switches authentication off (go/storage http_client.go, python-storage _helpers.py).
		// The Go library has no variable that does not.
		e.add("API_ENDPOINT_OVERRIDE", endpoint, groupGoogleEndpoint)
		e.add("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", endpoint+"/storage/v1/", groupGoogleEndpoint)
	}
	e.caFiles()
	e.add("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", e.files.ca, 0)
	e.identity()
}
