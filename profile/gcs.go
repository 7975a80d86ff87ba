package profile

import (
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

var gcsStore = Store{
	Name:         "gcs",
	scheme:       "gs",
	isSet:        func(s *v1alpha1.CredentialProfileSpec) bool { return s.GCS != nil },
	Location:     func(s *v1alpha1.CredentialProfileSpec) (string, string) { return s.GCS.Bucket, s.GCS.Prefix },
	bucketSource: func(s *v1alpha1.CredentialProfileSpec) *v1alpha1.BucketSource { return s.GCS.BucketFrom },
	modes:        gcsModes,
	groups: groupGoogle | groupGoogleProject | groupGoogleEndpoint | groupGoogleUniverse | GroupGoogleSwitch |
		groupRequestsCA,
	IdentityGroup: groupGoogle, identities: gcsIdentities, rivals: gcsRivals,
	endpoints: map[string]leadsElsewhere{
		"API_ENDPOINT_OVERRIDE": googleElsewhere, "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": googleElsewhere,
		"GOOGLE_CLOUD_UNIVERSE_DOMAIN": universeElsewhere, "CLOUDSDK_CORE_UNIVERSE_DOMAIN": universeElsewhere,
	},
	check: func(p *problems, r *Resolved) {
		s := r.Spec
		p.checkBucket("gcs", "bucket", s.GCS.Bucket, s.GCS.BucketFrom)
		p.checkGCSEndpoint(r)
		// Emulators want no identity, and then none is sent.
		p.checkUniverse(s.GCS)
		p.checkBearerURL("spec.gcs.endpoint", s.GCS.Endpoint, s.GCS.Auth.Ambient != nil, "ambient")
	},
	env:               gcsEnv,
	configureUploader: configureGCSUploader,
}

// gcsModes has a row for each auth mode of the API. A file that GOOGLE_APPLICATION_CREDENTIALS names is the only identity
// that the libraries try: a bad one is an error, and the metadata server is not asked (google-auth _default.py,
// cloud.google.com/go/auth v0.24.3 credentials/detect.go). gcloud does ask it unless told not to.
var gcsModes = []Mode{
	{
		// GKE's metadata server knows the pod: nothing is to be said (cloud.google.com/kubernetes-engine/docs/concepts/workload-identity).
		// It learns of a Google service account from the annotation alone.
		Name:  "gkeWorkloadIdentity",
		isSet: func(s *v1alpha1.CredentialProfileSpec) bool { return s.GCS.Auth.GKEWorkloadIdentity != nil },
		annotations: func(s *v1alpha1.CredentialProfileSpec) []Annotation {
			account := s.GCS.Auth.GKEWorkloadIdentity.ServiceAccount
			return []Annotation{{Key: annotationGCPServiceAccount, Value: account, Required: true}}
		},
		LinkLocal:            googleMetadata,
		KeepsAmbientIdentity: true,
		IsPodScoped:          true,
	},
	{
		Name:  "workloadIdentityFederation",
		isSet: func(s *v1alpha1.CredentialProfileSpec) bool { return s.GCS.Auth.WorkloadIdentityFederation != nil },
		check: func(p *problems, s *v1alpha1.CredentialProfileSpec) {
			federation := s.GCS.Auth.WorkloadIdentityFederation
			p.checkRequired("spec.gcs.auth.workloadIdentityFederation.audience", federation.Audience)
			p.checkTokenURL("spec.gcs.auth.workloadIdentityFederation.tokenURL", federation.TokenURL)
		},
		Audience: func(s *v1alpha1.CredentialProfileSpec) string {
			return tokenAudience(s.GCS.Auth.WorkloadIdentityFederation)
		},
		audienceField: "tokenAudience",
		configFile:    &ConfigFile{Annotation: AnnotationGCPCredentials, text: externalAccount},
		FileName:      gcpCredentialsFile,
		TokenService: func(s *v1alpha1.CredentialProfileSpec) (string, string) {
			return "the Google token service", setAppend
		},
		env: googleFile,
	},
	{
		Name:  "serviceAccountKey",
		isSet: func(s *v1alpha1.CredentialProfileSpec) bool { return s.GCS.Auth.ServiceAccountKey != nil },
		check: func(p *problems, s *v1alpha1.CredentialProfileSpec) {
			p.checkKeyRef("spec.gcs.auth.serviceAccountKey", s.GCS.Auth.ServiceAccountKey)
		},
		File:     func(s *v1alpha1.CredentialProfileSpec) *v1alpha1.KeyRef { return s.GCS.Auth.ServiceAccountKey },
		FileName: gcpCredentialsFile,
		TokenService: func(*v1alpha1.CredentialProfileSpec) (string, string) {
			return "the Google token service", setAppend
		},
		env: googleFile,
	},
	{
		Name:                 "ambient",
		isSet:                func(s *v1alpha1.CredentialProfileSpec) bool { return s.GCS.Auth.Ambient != nil },
		LinkLocal:            googleMetadata,
		KeepsAmbientIdentity: true,
	},
}

// googleFile adds the variables of a credential file: the libraries', and gcloud's, which takes no notice of the former
// (google-cloud-cli 528.0.0 core/properties.py, core/credentials/store.py).
func googleFile(e *Environment) {
	e.addVar("GOOGLE_APPLICATION_CREDENTIALS", e.Files.Credentials, groupGoogle)
	e.addVar("CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE", e.Files.Credentials, groupGoogle)
	// Else gcloud goes on to the account of the node.
	e.addVar("CLOUDSDK_CORE_CHECK_GCE_METADATA", "false", GroupGoogleSwitch)
}

// gcsEnv is the environment of Google's libraries and of gcloud.
func gcsEnv(e *Environment) {
	gcs := e.Spec.GCS
	endpoint := strings.TrimRight(gcs.Endpoint, "/")
	e.addVar("LIGHTERMAN_PROVIDER", "gcs", 0)
	e.addBucket()
	e.addVar("LIGHTERMAN_PREFIX", e.Prefix(), 0)
	e.addVar("LIGHTERMAN_ENDPOINT", storageEndpoint(gcs), 0)
	e.addCAFiles()
	e.addVar("LIGHTERMAN_TOKEN_FILE", e.Files.Token, groupGoogle)

	// Python's storage.Client() fails where it cannot find out the project (python-storage client.py).
	e.addVar("GOOGLE_CLOUD_PROJECT", gcs.ProjectID, groupGoogleProject)
	e.addVar("CLOUDSDK_CORE_PROJECT", gcs.ProjectID, groupGoogleProject)
	if isElsewhere(gcs) {
		// The Go library (google.golang.org/api v0.315.0 internal/settings.go) and gcloud. Python's takes it from its caller alone
		// (python-storage 3, abstracts/base_client.py).
		e.addVar("GOOGLE_CLOUD_UNIVERSE_DOMAIN", gcs.UniverseDomain, groupGoogleUniverse)
		e.addVar("CLOUDSDK_CORE_UNIVERSE_DOMAIN", gcs.UniverseDomain, groupGoogleUniverse)
	}
	if endpoint != "" {
		// Never STORAGE_EMULATOR_HOST: it switches authentication off (go/storage http_client.go, python-storage _helpers.py).
		// The Go library has no variable that does not.
		e.addVar("API_ENDPOINT_OVERRIDE", endpoint, groupGoogleEndpoint)
		e.addVar("CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE", endpoint+"/storage/v1/", groupGoogleEndpoint)
	}
	e.caFiles()
	e.addVar("CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE", e.Files.CA, 0)
	e.addIdentity()
}
