package profile

import "slices"

// Group is a set of variables that describe one thing together. When a container sets one of them itself, injecting the
// others would mix two answers: two identities, or a region that does not go with its endpoint.
type Group uint64

// The groups. GroupEntra is the part of groupAzure that is asked for a token: the account's keys are not.
const (
	groupIdentity Group = 1 << iota
	groupMetadata
	groupRegion
	groupEndpoint
	groupSTS
	groupRegionalSTS
	groupChecksums
	groupCA
	groupRequestsCA
	groupAzure
	GroupEntra
	groupAzureChain
	GroupAzureAccount
	groupAzureEndpoint
	groupGoogle
	groupGoogleProject
	groupGoogleEndpoint
	groupGoogleUniverse
	GroupGoogleMetadata
	GroupGoogleSwitch
	groupSharedConfig
	groupSecondRole

	// Those of one tool: where it finds its repository. What belongs to one repository goes with it.
	groupRestic
	groupResticPassword
	groupWALG
	groupWALGCA
	groupPgbackrest
	groupRclone
	groupRcloneAuth
	groupS3Proxy

	groupProxy
	groupNoProxy
)

// repositoryGroups are the places of one tool. A variable of theirs is whole by itself.
const repositoryGroups = groupRestic | groupWALG | groupPgbackrest | groupRclone | groupS3Proxy

// IsRepository reports whether the group is the place of one tool's repository.
func (g Group) IsRepository() bool { return g&repositoryGroups != 0 }

// groupsOfProxies are those that a profile's literals may belong to: no field's alone says how a pod reaches the network.
const groupsOfProxies = groupProxy | groupNoProxy

// groupNames name the groups in warnings.
var groupNames = map[Group]string{
	groupIdentity:    "the credentials",
	groupMetadata:    "the metadata setting",
	groupRegion:      "the region",
	groupEndpoint:    "the endpoint",
	groupSTS:         "the token service",
	groupRegionalSTS: "the choice of the token service",
	groupChecksums:   "the checksum mode",

	groupSharedConfig: "the choice of the configuration file",
	groupSecondRole:   "the second role",

	groupCA: "the CA bundle",

	groupRequestsCA: "the CA bundle",

	groupAzure:         "the credentials",
	groupAzureChain:    "the choice of the credential",
	GroupAzureAccount:  "the storage account",
	groupAzureEndpoint: "the endpoint",

	groupGoogle:         "the credentials",
	groupGoogleProject:  "the project",
	groupGoogleEndpoint: "the endpoint",
	groupGoogleUniverse: "the universe",
	GroupGoogleSwitch:   "the metadata setting",

	groupRestic:         "the repository",
	groupResticPassword: "the password",
	groupWALG:           "the storage",
	groupWALGCA:         "the CA bundle",
	groupPgbackrest:     "the repository",
	groupRclone:         "the remote",
	groupRcloneAuth:     "the remote's authentication",
	groupS3Proxy:        "the backend",
	groupProxy:          "the proxy",
	groupNoProxy:        "the proxy's exceptions",
}

// groupCures say what else helps where a container has variables of a group itself.
var groupCures = map[Group]string{
	groupPgbackrest: ", or choose another repository in toolOptions.pgbackrest.repository or annotation lighterman.dev/pgbackrest-repository",
}

// Cure returns what else helps, beside removing a variable of the group; empty: nothing.
func (g Group) Cure() string { return groupCures[g] }

// groupsByVariable has the group of each variable that containers may set themselves. The identity group holds every way in which the
// AWS SDKs, minio-go and the tools built on them take credentials from the environment: they compete, and which one
// wins differs from tool to tool (botocore credentials.py, aws-sdk-go-v2 resolve_credentials.go, minio-go iam_aws.go).
// What only one tool reads is in that tool's row.
var groupsByVariable = map[string]Group{
	"AWS_ACCESS_KEY_ID":                      groupIdentity,
	"AWS_ACCESS_KEY":                         groupIdentity,
	"AWS_SECRET_ACCESS_KEY":                  groupIdentity,
	"AWS_SECRET_KEY":                         groupIdentity,
	"AWS_SESSION_TOKEN":                      groupIdentity,
	"AWS_SECURITY_TOKEN":                     groupIdentity,
	"AWS_ROLE_ARN":                           groupIdentity,
	"AWS_WEB_IDENTITY_TOKEN_FILE":            groupIdentity,
	"AWS_CONTAINER_CREDENTIALS_FULL_URI":     groupIdentity,
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": groupIdentity,
	"AWS_CONTAINER_AUTHORIZATION_TOKEN":      groupIdentity,
	"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": groupIdentity,
	"AWS_SHARED_CREDENTIALS_FILE":            groupIdentity,
	"AWS_CONFIG_FILE":                        groupIdentity,
	"AWS_PROFILE":                            groupIdentity,
	"AWS_DEFAULT_PROFILE":                    groupIdentity,
	"MINIO_ROOT_USER":                        groupIdentity,
	"MINIO_ROOT_PASSWORD":                    groupIdentity,
	"MINIO_ACCESS_KEY":                       groupIdentity,
	"MINIO_SECRET_KEY":                       groupIdentity,
	// etcd-backup-restore (pkg/snapstore of gardener/etcd-backup-restore debd95bd) reads a directory or a file, and nothing of the SDK's.
	"AWS_APPLICATION_CREDENTIALS":      groupIdentity,
	"AWS_APPLICATION_CREDENTIALS_JSON": groupIdentity,

	"AWS_EC2_METADATA_DISABLED": groupMetadata,

	"AWS_REGION":         groupRegion,
	"AWS_DEFAULT_REGION": groupRegion,

	"AWS_ENDPOINT_URL":    groupEndpoint,
	"AWS_ENDPOINT_URL_S3": groupEndpoint,
	// With true the SDKs read neither of them, and ask Amazon (botocore 1.43 configprovider.py, aws-sdk-go-v2 env_config.go).
	"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": groupEndpoint,

	// Two ways to say one thing, but no conflict: the SDKs take the first before the second.
	"AWS_ENDPOINT_URL_STS":       groupSTS,
	"AWS_STS_REGIONAL_ENDPOINTS": groupRegionalSTS,

	// A way of reading, and no identity.
	"AWS_SDK_LOAD_CONFIG": groupSharedConfig,

	"AWS_REQUEST_CHECKSUM_CALCULATION": groupChecksums,
	"AWS_RESPONSE_CHECKSUM_VALIDATION": groupChecksums,

	"AWS_CA_BUNDLE": groupCA,

	// Python's requests reads both, and the first of them wins.
	"REQUESTS_CA_BUNDLE": groupRequestsCA,
	"CURL_CA_BUNDLE":     groupRequestsCA,

	// Entra ID and the storage account's own keys compete: with both, a tool takes the key, or the one that it finds first
	// (barman 3.17 azure_blob_storage.py, rclone backend/azureblob/auth, azidentity's EnvironmentCredential).
	"AZURE_CLIENT_ID":                    groupAzure | GroupEntra,
	"AZURE_TENANT_ID":                    groupAzure | GroupEntra,
	"AZURE_FEDERATED_TOKEN_FILE":         groupAzure | GroupEntra,
	"AZURE_AUTHORITY_HOST":               groupAzure | GroupEntra,
	"AZURE_CLIENT_SECRET":                groupAzure | GroupEntra,
	"AZURE_CLIENT_CERTIFICATE":           groupAzure | GroupEntra,
	"AZURE_CLIENT_CERTIFICATE_PATH":      groupAzure | GroupEntra,
	"AZURE_CLIENT_CERTIFICATE_PASSWORD":  groupAzure | GroupEntra,
	"AZURE_USERNAME":                     groupAzure | GroupEntra,
	"AZURE_PASSWORD":                     groupAzure | GroupEntra,
	"AZURE_CREDENTIALS_FILE":             groupAzure | GroupEntra,
	"AZURE_FORCE_CLI_CREDENTIAL":         groupAzure | GroupEntra,
	"AZURE_KUBERNETES_TOKEN_PROXY":       groupAzure | GroupEntra,
	"AZURE_KUBERNETES_SNI_NAME":          groupAzure | GroupEntra,
	"AZURE_KUBERNETES_CA_FILE":           groupAzure | GroupEntra,
	"AZURE_KUBERNETES_CA_DATA":           groupAzure | GroupEntra,
	"AZURE_APPLICATION_CREDENTIALS":      groupAzure,
	"AZURE_APPLICATION_CREDENTIALS_JSON": groupAzure,
	"AZURE_STORAGE_KEY":                  groupAzure,
	"AZURE_STORAGE_ACCESS_KEY":           groupAzure,
	"AZURE_STORAGE_SAS_TOKEN":            groupAzure,
	"AZURE_STORAGE_CONNECTION_STRING":    groupAzure,
	"AZURE_ACCOUNT_KEY":                  groupAzure,
	"AZURE_ACCOUNT_SAS":                  groupAzure,
	"AZURE_ACCESS_KEY":                   groupAzure,
	"AZURE_CONNECTION_STRING":            groupAzure,

	// A choice among credentials, and none itself: a program with an older SDK needs another one beside the same identity.
	"AZURE_TOKEN_CREDENTIALS": groupAzureChain,

	"AZURE_STORAGE_ACCOUNT":          GroupAzureAccount,
	"AZURE_STORAGE_SERVICE_ENDPOINT": groupAzureEndpoint,

	// Google's libraries, gcloud (core/properties.py), restic and rclone.
	"GOOGLE_APPLICATION_CREDENTIALS":         groupGoogle,
	"GOOGLE_ACCESS_TOKEN":                    groupGoogle,
	"CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE": groupGoogle,
	"CLOUDSDK_AUTH_ACCESS_TOKEN":             groupGoogle,
	"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE":        groupGoogle,
	"CLOUDSDK_CORE_ACCOUNT":                  groupGoogle,

	// Whether gcloud asks the metadata server: a container that keeps its own identity has it, too.
	"CLOUDSDK_CORE_CHECK_GCE_METADATA": GroupGoogleSwitch,

	// Where the libraries look for the metadata server (google-auth environment_vars.py, compute/metadata in Go).
	"GCE_METADATA_HOST": GroupGoogleMetadata,
	"GCE_METADATA_IP":   GroupGoogleMetadata,
	"GCE_METADATA_ROOT": GroupGoogleMetadata,

	"GOOGLE_CLOUD_PROJECT":  groupGoogleProject,
	"GCLOUD_PROJECT":        groupGoogleProject,
	"CLOUDSDK_CORE_PROJECT": groupGoogleProject,

	"GOOGLE_CLOUD_UNIVERSE_DOMAIN":  groupGoogleUniverse,
	"CLOUDSDK_CORE_UNIVERSE_DOMAIN": groupGoogleUniverse,

	"STORAGE_EMULATOR_HOST":                   groupGoogleEndpoint,
	"API_ENDPOINT_OVERRIDE":                   groupGoogleEndpoint,
	"CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": groupGoogleEndpoint,

	// A proxy for one protocol of the profile's, and for another of the container's own, would be two ways to one store.
	"HTTPS_PROXY": groupProxy,
	"https_proxy": groupProxy,
	"HTTP_PROXY":  groupProxy,
	"http_proxy":  groupProxy,
	"ALL_PROXY":   groupProxy,
	"all_proxy":   groupProxy,
	"NO_PROXY":    groupNoProxy,
	"no_proxy":    groupNoProxy,
}

// GroupOf returns the group that a variable belongs to for the SDKs; zero: to none.
func GroupOf(name string) Group { return groupsByVariable[name] }

// plainNames are those that a tool shares with programs of every kind. Lighterman writes none of them.
var plainNames = []string{"ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "DEFAULT_REGION", "ENDPOINT"}

// IsKnownVariable reports whether a variable is one that some profile or tool has Lighterman write.
func IsKnownVariable(name string) bool {
	if slices.Contains(plainNames, name) {
		return false
	}
	name = firstRepositoryName(name)
	return groupsByVariable[name] != 0 ||
		slices.ContainsFunc(dialects[:], func(d *dialect) bool { return d.groups[name] != 0 })
}

// String returns the group's name in messages.
func (g Group) String() string { return groupNames[g] }
