package injector

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// rival is a variable that programs take before the identity of some auth modes, or that spoils it, as data. What may
// bring it unseen, an optional reference or envFrom, is shut by an entry in env behind it.
type rival struct {
	name string
	// before are the auth modes.
	before []string
	// shut is the value of that entry. Empty: programs take an empty variable for one that is not there.
	shut string
	// setting names the program that takes an empty one for a setting; empty: none is known. Then it is shut only in pods whose
	// tools are named, and all among those of known.
	setting string
	known   []v1alpha1.Tool
	// exotic: no ConfigMap or Secret of a pod has it as a key, so envFrom counts for nothing.
	exotic bool
}

// s3Rivals: that the SDKs take an empty variable for none was read in aws-sdk-go-v2 config v1.33.18 env_config.go (len(v) > 0),
// aws-sdk-go v1.55.8 session/env_config.go, botocore 1.43 credentials.py (EnvProvider, AssumeRoleWithWebIdentityProvider)
// and configloader.py (an empty path is no file), minio-go 7 pkg/credentials.
var s3Rivals = []rival{
	{name: "AWS_ACCESS_KEY_ID", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
	{name: "AWS_SECRET_ACCESS_KEY", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
	// The Go SDKs' and minio-go's second names of the two.
	{name: "AWS_ACCESS_KEY", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
	{name: "AWS_SECRET_KEY", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
	// Beside the profile's keys it makes them invalid. botocore reads the second first.
	{name: "AWS_SESSION_TOKEN", before: []string{"webIdentity", "accessKey", "podIdentity", "credentialsFile"}},
	{name: "AWS_SECURITY_TOKEN", before: []string{"accessKey"}},
	{name: "AWS_WEB_IDENTITY_TOKEN_FILE", before: []string{"podIdentity", "credentialsFile"}},
	// minio-go looks into files before it asks for a role, and botocore takes a role of the configuration file first.
	{name: "AWS_SHARED_CREDENTIALS_FILE", before: []string{"webIdentity", "podIdentity"}},
	{name: "AWS_CONFIG_FILE", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
	// They choose another section of the profile's file. botocore fails at an empty one, and "default" is what it means.
	{name: "AWS_PROFILE", before: []string{"credentialsFile"}, shut: "default"},
	{name: "AWS_DEFAULT_PROFILE", before: []string{"credentialsFile"}, shut: "default"},
	// A path below 169.254.170.2, which Amazon ECS has and Kubernetes has not.
	{name: "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", before: []string{"podIdentity"}, setting: "botocore", exotic: true},
}

// The rivals of minio-go alone, for the tools that are built on it: it asks for them before it reads files and tokens
// (restic 0.19.1 internal/backend/s3, kopia 0.23.1 repo/blob/s3).
var minioRivals = []rival{
	{name: "MINIO_ROOT_USER", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
	{name: "MINIO_ACCESS_KEY", before: []string{"webIdentity", "podIdentity", "credentialsFile"}},
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
var azureRivals = []rival{
	{
		name: "AZURE_STORAGE_CONNECTION_STRING", before: slices.Concat(azureTokens, []string{"accountKey", "sasToken"}),
		setting: barmanAsks, known: goTools,
	},
	{name: "AZURE_STORAGE_SAS_TOKEN", before: slices.Concat(azureTokens, []string{"accountKey"}), setting: barmanAsks, known: goTools},
	{name: "AZURE_STORAGE_KEY", before: slices.Concat(azureTokens, []string{"sasToken"}), setting: barmanAsks, known: goTools},
	// Without a tenant, a secret or a token of somebody else's makes no service principal and no workload identity.
	{name: "AZURE_TENANT_ID", before: []string{"managedIdentity", "podIdentityBinding"}},
	// It chooses another managed identity (default_azure_credential.go: LookupEnv; an empty one is an error).
	{name: "AZURE_CLIENT_ID", before: []string{"managedIdentity", "podIdentityBinding"}, setting: azidentityAsks},
	// A secret goes before a certificate, and before a token where AZURE_TOKEN_CREDENTIALS is the user's or is not known
	// (environment_credential.go, environment.py).
	{name: "AZURE_CLIENT_SECRET", before: []string{"servicePrincipal", "workloadIdentity"}, setting: azureIdentityAsks, known: goTools},
	{name: "AZURE_CLIENT_CERTIFICATE_PATH", before: []string{"workloadIdentity"}, setting: azureIdentityAsks, known: goTools},
	// SDKs that do not know AZURE_TOKEN_CREDENTIALS take a user for the profile's application.
	{name: "AZURE_USERNAME", before: []string{"workloadIdentity"}},
}

// gcsRivals: google-auth 2 _default.py takes an empty path for a file that is missing; cloud.google.com/go/auth v0.23.0
// credentials/detect.go takes it for none.
var gcsRivals = []rival{
	{name: "GOOGLE_APPLICATION_CREDENTIALS", before: []string{"gkeWorkloadIdentity"}, setting: googleAuthAsks, known: goTools},
}

// rivalsOf are the rivals of the profile's identity, for the SDKs and for the pod's tools.
func (p *plan) rivalsOf() []*rival {
	if p.rivals != nil {
		return p.rivals
	}
	p.rivals = []*rival{}
	add := func(list []rival) {
		for i := range list {
			_, ours := p.index[list[i].name]
			if !ours && slices.Contains(list[i].before, p.mode.name) {
				p.rivals = append(p.rivals, &list[i])
			}
		}
	}
	add(p.store.rivals)
	for _, tool := range p.tools {
		add(dialectOf(tool).rivals)
	}
	return p.rivals
}

// canShut reports whether an entry in env keeps the rival out, whatever program of the pod reads it.
func (p *plan) canShut(r *rival) bool {
	return r.setting == "" || len(p.tools) > 0 && !slices.ContainsFunc(p.tools, func(tool v1alpha1.Tool) bool {
		return !slices.Contains(r.known, tool)
	})
}

// isShut reports whether the container's entry is the one by which a former pass shut a rival.
func (p *plan) isShut(env *corev1.EnvVar) bool {
	if env.ValueFrom != nil {
		return false
	}
	for _, r := range p.rivalsOf() {
		if r.name == env.Name && r.shut == env.Value {
			return true
		}
	}
	return false
}

// shutRivals adds entries behind the container's own that keep out what an optional reference or envFrom may bring, so that
// programs take the profile's identity. It denies the pod where that cannot be done.
func (p *plan) shutRivals(t *target, optional []string) error {
	if len(optional)+len(t.EnvFrom) == 0 {
		return nil
	}
	var open, programs []string
	for _, r := range p.rivalsOf() {
		unseen := slices.Contains(optional, r.name)
		if own := p.own.find(r.name) != nil; !unseen && (own || r.exotic || !p.own.maySetFrom(r.name)) {
			continue
		}
		if !p.canShut(r) {
			open = append(open, r.name)
			if !slices.Contains(programs, r.setting) {
				programs = append(programs, r.setting)
			}
			continue
		}
		t.shut = append(t.shut, corev1.EnvVar{Name: r.name, Value: r.shut})
	}
	if len(open) == 0 {
		return nil
	}
	return p.denyOpen(t, open, strings.Join(programs, " or "))
}

// joinNames lists variables for people.
func joinNames(names []string) string { return strings.Join(names, ", ") }
