package profile

import "slices"

// Identity is a set of variables that identify a program together, as data. Programs that find a part of one go on
// looking, and end at the identity of the node.
type Identity struct {
	// All are its members; of each, one of the names is enough.
	All [][]string
	// With are variables that belong to it and may be absent.
	With []string
	// Without are those beside which it is none: then they are a part of another.
	Without []string
	// Text is the literal that its only member must have; empty: any value.
	Text string
}

func whole(all ...[]string) Identity { return Identity{All: all} }

func anyOf(names ...string) []string { return names }

func (w Identity) and(with ...string) Identity {
	w.With = with
	return w
}

func (w Identity) butNot(without ...string) Identity {
	w.Without = without
	return w
}

func (w Identity) only(text string) Identity {
	w.Text = text
	return w
}

// s3Identities: aws-sdk-go-v2 config v1.33.18 (env_config.go, resolve_credentials.go), aws-sdk-go v1.55.8
// (session/env_config.go), botocore 1.43 (credentials.py), minio-go 7 (pkg/credentials: env_aws.go, env_minio.go, iam_aws.go).
// A profile's name without a file is a part: where the file is missing, the SDKs go on, or stop.
var s3Identities = []Identity{
	whole(anyOf("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"), anyOf("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY")).
		and("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
	whole(anyOf("AWS_ROLE_ARN"), anyOf("AWS_WEB_IDENTITY_TOKEN_FILE")),
	whole(anyOf("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE")).and("AWS_PROFILE", "AWS_DEFAULT_PROFILE"),
	whole(anyOf("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")).
		and("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
	whole(anyOf("MINIO_ROOT_USER"), anyOf("MINIO_ROOT_PASSWORD")),
	whole(anyOf("MINIO_ACCESS_KEY"), anyOf("MINIO_SECRET_KEY")),
	whole(anyOf("AWS_APPLICATION_CREDENTIALS", "AWS_APPLICATION_CREDENTIALS_JSON")),
}

// azureAccountNames are the variables that name the storage account of a key or a SAS token.
var azureAccountNames = []string{"AZURE_STORAGE_ACCOUNT", "AZURE_ACCOUNT_NAME"}

// azureIdentities: azidentity v1.15.0 (environment_credential.go, workload_identity.go, default_azure_credential.go),
// azure-identity 1.25 (_constants.py), azure-cli 2.74 and the tools' rows for keys. A client ID alone chooses a managed
// identity.
var azureIdentities = []Identity{
	whole(anyOf("AZURE_CLIENT_ID"), anyOf("AZURE_TENANT_ID"), anyOf("AZURE_CLIENT_SECRET")).and("AZURE_AUTHORITY_HOST"),
	whole(anyOf("AZURE_CLIENT_ID"), anyOf("AZURE_TENANT_ID"),
		anyOf("AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE")).
		and("AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_AUTHORITY_HOST"),
	// azure-identity takes it for none without the authority's host (WORKLOAD_IDENTITY_VARS).
	whole(anyOf("AZURE_CLIENT_ID"), anyOf("AZURE_TENANT_ID"), anyOf("AZURE_FEDERATED_TOKEN_FILE"),
		anyOf("AZURE_AUTHORITY_HOST")).
		and("AZURE_KUBERNETES_TOKEN_PROXY", "AZURE_KUBERNETES_SNI_NAME",
			"AZURE_KUBERNETES_CA_FILE", "AZURE_KUBERNETES_CA_DATA"),
	whole(anyOf("AZURE_CLIENT_ID"), anyOf("AZURE_USERNAME"), anyOf("AZURE_PASSWORD")).
		and("AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST"),
	whole(anyOf("AZURE_CLIENT_ID")).and("AZURE_AUTHORITY_HOST").
		butNot("AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE",
			"AZURE_FEDERATED_TOKEN_FILE", "AZURE_USERNAME", "AZURE_PASSWORD"),
	whole(anyOf("AZURE_STORAGE_CONNECTION_STRING", "AZURE_CONNECTION_STRING")),
	whole(anyOf("AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_ACCOUNT_KEY", "AZURE_ACCESS_KEY"),
		azureAccountNames),
	whole(anyOf("AZURE_STORAGE_SAS_TOKEN", "AZURE_ACCOUNT_SAS"), azureAccountNames),
	whole(anyOf("AZURE_CREDENTIALS_FILE")),
	whole(anyOf("AZURE_FORCE_CLI_CREDENTIAL")),
	whole(anyOf("AZURE_APPLICATION_CREDENTIALS", "AZURE_APPLICATION_CREDENTIALS_JSON")),
}

// gcsIdentities: google-auth 2 (_default.py), cloud.google.com/go/auth v0.23.0 (credentials/detect.go), google-cloud-cli
// 528.0.0 (core/credentials/store.py), restic 0.19.1 (internal/backend/gs).
var gcsIdentities = []Identity{
	whole(anyOf("GOOGLE_APPLICATION_CREDENTIALS")).and("CLOUDSDK_CORE_ACCOUNT"),
	whole(anyOf("CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE", "CLOUDSDK_AUTH_ACCESS_TOKEN",
		"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE")).
		and("CLOUDSDK_CORE_ACCOUNT"),
	whole(anyOf("GOOGLE_ACCESS_TOKEN")),
}

// Identities returns those of the store and of the tools.
func (r *Resolved) Identities() []Identity {
	all := r.Store.identities
	for _, d := range r.dialects {
		all = slices.Concat(all, d.identities)
	}
	return all
}

// CountMembers returns how many of the names belong to the identity.
func (w *Identity) CountMembers(names []string) (n int) {
	for _, name := range names {
		if slices.Contains(w.With, name) ||
			slices.ContainsFunc(w.All, func(m []string) bool { return slices.Contains(m, name) }) {
			n++
		}
	}
	return n
}
