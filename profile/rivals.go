package profile

import (
	"slices"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// Rival is a variable that programs take before the identity of some auth modes, or that spoils it, as data. What may
// bring it unseen, an optional reference or envFrom, is shut by an entry in env behind it.
type Rival struct {
	Name string
	// before are the auth modes; beforeChain: it is also taken before a role that another assumes.
	before      []string
	beforeChain bool
	// Shut is the value of that entry. Empty: programs take an empty variable for one that is not there.
	Shut string
	// Setting names the program that takes an empty one for a setting; empty: none is known. Then it is shut only in pods whose
	// tools are named, and all among those of known.
	Setting string
	known   []v1alpha1.Tool
	// exotic: no ConfigMap or Secret of a pod has it as a key, so envFrom counts for nothing.
	Exotic bool
}

// s3Rivals: that the SDKs take an empty variable for none was read in aws-sdk-go-v2 config v1.33.18 env_config.go (len(v) > 0),
// aws-sdk-go v1.55.8 session/env_config.go, botocore 1.43 credentials.py (EnvProvider, AssumeRoleWithWebIdentityProvider)
// and configloader.py (an empty path is no file), minio-go 7 pkg/credentials.
var s3Rivals = []Rival{
	{Name: "AWS_ACCESS_KEY_ID", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
	{Name: "AWS_SECRET_ACCESS_KEY", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
	// The Go SDKs' and minio-go's second names of the two.
	{Name: "AWS_ACCESS_KEY", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
	{Name: "AWS_SECRET_KEY", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
	// Beside the profile's keys it makes them invalid. botocore reads the second first.
	{Name: "AWS_SESSION_TOKEN", before: []string{"webIdentity", "accessKey", "podIdentity", "credentialsFile"}},
	{Name: "AWS_SECURITY_TOKEN", before: []string{"accessKey"}},
	{Name: "AWS_WEB_IDENTITY_TOKEN_FILE", before: []string{"podIdentity", "credentialsFile"}, beforeChain: true},
	// minio-go looks into files before it asks for a role, and botocore takes a role of the configuration file first.
	{Name: "AWS_SHARED_CREDENTIALS_FILE", before: []string{"webIdentity", "podIdentity"}},
	{Name: "AWS_CONFIG_FILE", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
	// They choose another section of the profile's file. botocore fails at an empty one, and "default" is what it means.
	{Name: "AWS_PROFILE", before: []string{"credentialsFile"}, beforeChain: true, Shut: "default"},
	{Name: "AWS_DEFAULT_PROFILE", before: []string{"credentialsFile"}, beforeChain: true, Shut: "default"},
	// A path below 169.254.170.2, which Amazon ECS has and Kubernetes has not.
	{Name: "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", before: []string{"podIdentity"}, Setting: "botocore", Exotic: true},
}

// The rivals of minio-go alone, for the tools that are built on it: it asks for them before it reads files and tokens
// (restic 0.19.1 internal/backend/s3, kopia 0.23.1 repo/blob/s3).
var minioRivals = []Rival{
	{Name: "MINIO_ROOT_USER", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
	{Name: "MINIO_ACCESS_KEY", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
}

var (
	// azureTokens are the modes in which programs ask Entra ID or the metadata service for a token.
	azureTokens = []string{"workloadIdentity", "managedIdentity", "podIdentityBinding", "servicePrincipal"}
	// goTools are those written in Go, which take an empty variable for none (os.Getenv and flags alike).
	goTools = []v1alpha1.Tool{"restic", "rclone", "wal-g", "kopia", "velero", "litestream"}
)

const (
	barmanAsks     = "barman-cloud" // azure_blob_storage.py: "in os.environ"
	googleAuthAsks = "Google's library for Python"
	azidentityAsks = "azidentity"
	// environment.py: "is not None".
	azureIdentityAsks = "azure-identity"
)

// azureRivals: barman 3.17 azure_blob_storage.py, azidentity v1.15.0, azure-identity 1.25.
var azureRivals = []Rival{
	{
		Name: "AZURE_STORAGE_CONNECTION_STRING", before: slices.Concat(azureTokens, []string{"accountKey", "sasToken"}),
		Setting: barmanAsks, known: goTools,
	},
	{
		Name:    "AZURE_STORAGE_SAS_TOKEN",
		before:  slices.Concat(azureTokens, []string{"accountKey"}),
		Setting: barmanAsks,
		known:   goTools,
	},
	{
		Name:    "AZURE_STORAGE_KEY",
		before:  slices.Concat(azureTokens, []string{"sasToken"}),
		Setting: barmanAsks,
		known:   goTools,
	},
	// Without a tenant, a secret or a token of another identity makes no service principal and no workload identity.
	{Name: "AZURE_TENANT_ID", before: []string{"managedIdentity", "podIdentityBinding"}},
	// It chooses another managed identity (default_azure_credential.go: LookupEnv; an empty one is an error).
	{Name: "AZURE_CLIENT_ID", before: []string{"managedIdentity", "podIdentityBinding"}, Setting: azidentityAsks},
	// A secret goes before a certificate, and before a token where AZURE_TOKEN_CREDENTIALS is the user's or is not known
	// (environment_credential.go, environment.py).
	{
		Name:    "AZURE_CLIENT_SECRET",
		before:  []string{"servicePrincipal", "workloadIdentity"},
		Setting: azureIdentityAsks,
		known:   goTools,
	},
	{
		Name:    "AZURE_CLIENT_CERTIFICATE_PATH",
		before:  []string{"workloadIdentity"},
		Setting: azureIdentityAsks,
		known:   goTools,
	},
	// They send the token to a proxy, or to another one than the profile's; azidentity takes empty ones for none
	// (internal/customtokenproxy).
	{Name: "AZURE_KUBERNETES_TOKEN_PROXY", before: []string{"workloadIdentity"}, Exotic: true},
	{Name: "AZURE_KUBERNETES_SNI_NAME", before: []string{"workloadIdentity"}, Exotic: true},
	{Name: "AZURE_KUBERNETES_CA_FILE", before: []string{"workloadIdentity"}, Exotic: true},
	{Name: "AZURE_KUBERNETES_CA_DATA", before: []string{"workloadIdentity"}, Exotic: true},
	// SDKs that do not know AZURE_TOKEN_CREDENTIALS take a user for the profile's application.
	{Name: "AZURE_USERNAME", before: []string{"workloadIdentity"}},
}

// gcsRivals: google-auth 2 _default.py takes an empty path for a file that is missing; cloud.google.com/go/auth v0.23.0
// credentials/detect.go takes it for none.
var gcsRivals = []Rival{
	{
		Name:    "GOOGLE_APPLICATION_CREDENTIALS",
		before:  []string{"gkeWorkloadIdentity"},
		Setting: googleAuthAsks,
		known:   goTools,
	},
}

// Rivals returns the rivals of the auth mode's identity, for the SDKs and for the tools; never nil.
func (r *Resolved) Rivals() []*Rival {
	rivals, chain := []*Rival{}, r.assumesRole()
	add := func(list []Rival) {
		for i := range list {
			if slices.Contains(list[i].before, r.Mode.Name) || list[i].beforeChain && chain {
				rivals = append(rivals, &list[i])
			}
		}
	}
	add(r.Store.rivals)
	for _, d := range r.dialects {
		add(d.rivals)
	}
	return rivals
}

// CanShut reports whether an entry in env keeps the rival out, whichever of the tools reads it. Without tools it may be any
// program.
func (r *Rival) CanShut(tools []v1alpha1.Tool) bool {
	return r.Setting == "" || len(tools) > 0 && !slices.ContainsFunc(tools, func(tool v1alpha1.Tool) bool {
		return !slices.Contains(r.known, tool)
	})
}
