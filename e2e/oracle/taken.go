package oracle

import (
	"slices"
	"strings"
)

// Kind is the kind of identity that an SDK takes.
type Kind string

// The kinds. Node is what the metadata server of the machine tells every pod; Failed: the SDK finds nothing, or what it finds cannot
// be used, and it does not go on to the node.
const (
	Keys                Kind = "Keys"
	WebIdentity         Kind = "WebIdentity"
	CredentialsFile     Kind = "CredentialsFile"
	AssumedRole         Kind = "AssumedRole"
	ContainerAgent      Kind = "ContainerAgent"
	ServicePrincipal    Kind = "ServicePrincipal"
	Certificate         Kind = "Certificate"
	WorkloadIdentity    Kind = "WorkloadIdentity"
	StorageKey          Kind = "StorageKey"
	ServiceAccountKey   Kind = "ServiceAccountKey"
	ExternalAccount     Kind = "ExternalAccount"
	OtherMetadataServer Kind = "OtherMetadataServer"
	Node                Kind = "Node"
	Failed              Kind = "Failed"
)

// Taken is the identity that an SDK takes.
type Taken struct {
	Kind Kind
	// Who tells the identity from all others, in the words of the stand-ins of package realsdk.
	Who string
	// Vars are the variables of which the identity is made; none for Node and Failed, but that the node's may be chosen by name.
	Vars []string
	// Why says why the SDK fails, or goes on to the node.
	Why string
}

// taken makes an identity of its parts, which are joined as the stand-ins join them.
func taken(kind Kind, vars []string, parts ...string) Taken {
	return Taken{Kind: kind, Who: string(kind) + ":" + strings.Join(parts, "/"), Vars: vars}
}

func failed(why string) Taken { return Taken{Kind: Failed, Who: string(Failed), Why: why} }

// node is the identity of the machine, or the one of several that has the name.
func node(name, why string, vars ...string) Taken {
	return Taken{Kind: Node, Who: string(Node) + ":" + name, Vars: vars, Why: why}
}

// FileKind is what a file holds.
type FileKind string

// The kinds of files.
const (
	TokenFile       FileKind = "token"
	CABundleFile    FileKind = "ca"
	AWSFile         FileKind = "aws"     // shared credentials, or shared configuration
	AWSRolesFile    FileKind = "roles"   // shared configuration: a role that another assumes, which takes a token
	PEMFile         FileKind = "pem"     // a client certificate with its key
	GoogleKeyFile   FileKind = "key"     // a service account's key
	GoogleTokenFile FileKind = "account" // external_account: workload identity federation
)

// File is a file of a container.
type File struct {
	Kind FileKind
	// Name tells the file's content from all others.
	Name string
	// Sections are those with keys, of an AWSFile.
	Sections []string
	// Token is the path of the token that a GoogleTokenFile or an AWSRolesFile names.
	Token string
}

// Files are the files of a container, by path.
type Files map[string]File

func (f Files) has(path string, kinds ...FileKind) bool {
	file, ok := f[path]
	return ok && slices.Contains(kinds, file.Kind)
}

// SDK is what decides on an identity in a container.
type SDK struct {
	Name string
	// Store is the kind of store that it is for: s3, azure or gcs.
	Store string
	Take  func(Env, Files) Taken
}

// SDKs has a row for each one. Azure's storage keys have no SDK that reads them: azblob v1.8.3 has a constructor for each, and its
// caller chooses. The order of that row is barman's (3.17, barman/cloud_providers/azure_blob_storage.py, _reinit_session).
var SDKs = []SDK{
	{Name: "aws-sdk-go-v2 config v1.33.15", Store: "s3", Take: AWS},
	{Name: "azidentity v1.15.0", Store: "azure", Take: Azure},
	{Name: "barman 3.17's storage keys, then azidentity v1.15.0", Store: "azure", Take: AzureStorage},
	{Name: "golang.org/x/oauth2 v0.37.0 and cloud.google.com/go/auth v0.24", Store: "gcs", Take: Google},
}
