package profile

import (
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/partition"
)

// pgRepo begins the variables of pgBackRest's first repository, which renumber makes those of another: any option is PGBACKREST_
// and its name; an empty one is an error.
const pgRepo = "PGBACKREST_REPO1_"

// pgbackrest 2.60dev (bd22b680), and the release tags for what is older: src/build/config/config.yaml, src/storage/{s3,azure,gcs}/helper.c. It reads no AWS_* and AZURE_* but
// the two pairs of files, in web-id and pod-id. Of a variable that it does not know it warns (src/config/parse.c).
var pgbackrest = dialect{
	name: ToolPgbackrest, version: "2.60dev",
	ignoresProxy: "knows no proxy (github.com/pgbackrest/pgbackrest/issues/1639 and 2164), and goes to the store directly: let it, or use another tool",
	s3: allSupported(&s3Store, cell{}, func(e *Environment) {
		style := "host"
		where := e.location
		if where.pathStyle {
			style = "path"
		}
		e.addVar(pgRepo+"TYPE", "s3", 0)
		e.addVar(pgRepo+"PATH", "/"+e.Prefix(), 0)
		e.addVar(pgRepo+"S3_BUCKET", e.bucket(), 0)
		e.addVar(pgRepo+"S3_REGION", where.region, 0)
		e.addVar(pgRepo+"S3_ENDPOINT", e.s3URL(), 0)
		e.addVar(pgRepo+"S3_URI_STYLE", style, 0)
		e.addVar(pgRepo+"STORAGE_CA_FILE", e.Files.CA, 0)
	}).override(map[string]cell{
		"webIdentity": {
			env: func(e *Environment) {
				e.addVar(pgRepo+"S3_KEY_TYPE", "web-id", groupIdentity)
				e.addVar(pgRepo+"S3_STS_HOST", pgSTSHost(e), groupSTS|groupIdentity)
			},
			// It asks with GET (storage.c storageS3AuthWebId), and MinIO's routes are all for POST (cmd/sts-handlers.go).
			note:   "pgBackRest 2.59.0 for the token service of the region and for stsEndpoint: older ones ask Amazon's global one; it sends GET, and MinIO's takes POST only; not with assumeRole",
			refuse: refusePgSTS,
			// repo-s3-role is for the key type auto.
			chain: oneRole("assumes one role with the token"),
		},
		"podIdentity": {env: pgKeyType("S3", "pod-id", groupIdentity), note: "pgBackRest 2.58, experimental"},
		"accessKey": withEnv(func(e *Environment) {
			key := e.Spec.S3.Auth.AccessKey
			e.addVar(pgRepo+"S3_KEY_TYPE", "shared", groupIdentity)
			e.addSecret(pgRepo+"S3_KEY", &key.AccessKeyID, groupIdentity)
			e.addSecret(pgRepo+"S3_KEY_SECRET", &key.SecretAccessKey, groupIdentity)
			e.addSecret(pgRepo+"S3_TOKEN", key.SessionToken, groupIdentity)
		}),
		"credentialsFile": unsupported("reads no AWS credentials file" + useAccessKey),
		// repo-s3-key-type=auto asks 169.254.169.254 alone (2.59.1 storage.c storageS3AuthAuto).
		"ambient": {env: pgKeyType("S3", "auto", groupIdentity), note: "the role of the node, and not one that EKS's webhooks gave the pod"},
	}).rejectIf(func(r *Resolved) string {
		if r.location.region == "" {
			return "needs the region: set spec.s3.region"
		}
		return ""
	}, basePath("drops the path of spec.s3.endpoint"+useOtherForPath)),
	azure: noneSupported(&azureStore, "knows neither Entra ID's workload identity nor a service principal, and no connection string: use accountKey, sasToken or managedIdentity").override(map[string]cell{
		"accountKey": withEnv(func(e *Environment) { pgAzure(e, "shared", e.Spec.Azure.Auth.AccountKey) }),
		"sasToken":   withEnv(func(e *Environment) { pgAzure(e, "sas", e.Spec.Azure.Auth.SASToken) }),
		"managedIdentity": {
			env:  func(e *Environment) { pgAzure(e, "auto", nil) },
			note: "pgBackRest 2.58; the system-assigned identity",
			refuse: func(r *Resolved) string {
				if r.Spec.Azure.Auth.ManagedIdentity.ClientID != "" {
					return "cannot choose among identities: leave managedIdentity.clientID out"
				}
				return ""
			},
		},
		"podIdentityBinding": {env: func(e *Environment) { pgAzure(e, "auto", nil) }, note: "pgBackRest 2.58"},
	}).rejectIf(azureHost("puts the account before its endpoint: leave spec.azure.endpoint out")),
	gcs: allSupported(&gcsStore, withEnv(pgKeyType("GCS", "auto", groupGoogle)), func(e *Environment) {
		e.addVar(pgRepo+"TYPE", "gcs", 0)
		e.addVar(pgRepo+"PATH", "/"+e.Prefix(), 0)
		e.addVar(pgRepo+"GCS_BUCKET", e.bucket(), 0)
		e.addVar(pgRepo+"GCS_ENDPOINT", e.Spec.GCS.Endpoint, 0)
		e.addVar(pgRepo+"STORAGE_CA_FILE", e.Files.CA, 0)
	}).override(map[string]cell{
		"serviceAccountKey": withEnv(func(e *Environment) {
			e.addVar(pgRepo+"GCS_KEY_TYPE", "service", groupGoogle)
			e.addVar(pgRepo+"GCS_KEY", e.Files.Credentials, groupGoogle)
		}),
		"workloadIdentityFederation": unsupported("takes keys of service accounts only (an external account has no token_uri): use serviceAccountKey, or gkeWorkloadIdentity"),
		// What a key is exchanged at is in its token_uri, and other universes have nothing there: see keyElsewhere.
	}).rejectIf(refuseAny(func(r *Resolved) string {
		if hasPath(r.Spec.GCS.Endpoint) {
			return "drops the path of spec.gcs.endpoint" + useOtherForPath
		}
		return ""
	}, otherUniverse("was not tried with another spec.gcs.universeDomain, where a key is not exchanged for a token"+useOtherUniverse))),
	places:   []string{pgRepo + "TYPE", pgRepo + "S3_BUCKET", pgRepo + "AZURE_CONTAINER", pgRepo + "GCS_BUCKET"},
	archives: []string{pgRepo + "PATH"},
	// src/command/archive/push/{push,file}.c, src/command/backup/backup.c: the database's system identifier must be the stanza's.
	sharing: "knows a stanza of one name as one database, and refuses the other",
	// A type, a path or a host makes the repository one of the container's: a volume, or one that another host serves.
	prefix: pgRepo, repository: groupPgbackrest,
	endpoints: map[string]leadsElsewhere{
		pgRepo + "S3_ENDPOINT": s3Elsewhere, pgRepo + "AZURE_ENDPOINT": azureDomainElsewhere,
		pgRepo + "GCS_ENDPOINT": googleElsewhere, pgRepo + "STORAGE_HOST": anyElsewhere,
		pgRepo + "S3_STS_HOST": stsElsewhere,
	},
	groups: map[string]Group{
		pgRepo + "TYPE":           groupPgbackrest,
		pgRepo + "PATH":           groupPgbackrest,
		pgRepo + "HOST":           groupPgbackrest,
		pgRepo + "S3_KEY_TYPE":    groupIdentity,
		pgRepo + "S3_KEY":         groupIdentity,
		pgRepo + "S3_KEY_SECRET":  groupIdentity,
		pgRepo + "S3_TOKEN":       groupIdentity,
		pgRepo + "S3_STS_HOST":    groupSTS,
		pgRepo + "AZURE_ACCOUNT":  GroupAzureAccount,
		pgRepo + "AZURE_KEY_TYPE": groupAzure,
		pgRepo + "AZURE_KEY":      groupAzure,
		pgRepo + "GCS_KEY_TYPE":   groupGoogle,
		pgRepo + "GCS_KEY":        groupGoogle,
	},
	// A type by itself is one where it means the identity of the node.
	identities: []Identity{
		whole(anyOf(pgRepo+"S3_KEY"), anyOf(pgRepo+"S3_KEY_SECRET")).and(pgRepo+"S3_TOKEN", pgRepo+"S3_KEY_TYPE"),
		whole(anyOf(pgRepo+"AZURE_KEY"), anyOf(pgRepo+"AZURE_ACCOUNT")).and(pgRepo + "AZURE_KEY_TYPE"),
		whole(anyOf(pgRepo + "GCS_KEY")).and(pgRepo + "GCS_KEY_TYPE"),
		whole(anyOf(pgRepo + "S3_KEY_TYPE")).only("auto"),
		whole(anyOf(pgRepo + "AZURE_KEY_TYPE")).only("auto"),
		whole(anyOf(pgRepo + "GCS_KEY_TYPE")).only("auto"),
	},
}

// pgSTSHost returns the token service for repo-s3-sts-host, which takes host and port, with https:// before them or without
// (2.59.0 storage.c storageS3New, src/common/io/http/url.c); empty: the default, which is Amazon's for all regions.
func pgSTSHost(e *Environment) string {
	url := e.stsURL()
	if url == partition.STSURL("") {
		return ""
	}
	_, host, _ := strings.Cut(url, "://")
	return strings.TrimRight(host, "/")
}

// refusePgSTS refuses a token service that repo-s3-sts-host cannot name: the path of the request is always /. An http URL the
// API does not take.
func refusePgSTS(r *Resolved) string {
	_, rest, _ := strings.Cut(r.Spec.S3.Auth.WebIdentity.STSEndpoint, "://")
	if strings.Contains(strings.TrimRight(rest, "/"), "/") {
		return "drops the path of a token service: use a webIdentity.stsEndpoint without one, or accessKey"
	}
	return ""
}

func pgKeyType(store, value string, groups Group) func(*Environment) {
	return func(e *Environment) { e.addVar(pgRepo+store+"_KEY_TYPE", value, groups) }
}

func pgAzure(e *Environment, keyType string, key *v1alpha1.KeyRef) {
	e.addVar(pgRepo+"TYPE", "azure", 0)
	e.addVar(pgRepo+"PATH", "/"+e.Prefix(), 0)
	e.addAccount(pgRepo+"AZURE_ACCOUNT", GroupAzureAccount)
	e.addVar(pgRepo+"AZURE_CONTAINER", e.bucket(), 0)
	e.azureSovereign(pgRepo+"AZURE_ENDPOINT", azureBlobHost)
	e.addVar(pgRepo+"STORAGE_CA_FILE", e.Files.CA, 0)
	e.addVar(pgRepo+"AZURE_KEY_TYPE", keyType, keyOf)
	e.addSecret(pgRepo+"AZURE_KEY", key, keyOf)
}
