package profile

import (
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// veleroFile is why Velero's Azure plugin takes little from the environment (velero 1.18.3 pkg/util/azure/credential.go
// NewCredential). Of a managed identity, too: it always names one, and without the file by an empty client ID, which
// the library refuses (AzureAD/microsoft-authentication-library-for-go v1.10.1 apps/managedidentity).
const veleroFile = "its Azure plugin reads keys, service principals and client IDs, those of managed identities too, from its credentials file only: use workloadIdentity, or leave velero out of the tools and give Velero that file"

// veleroChecksums is what Velero needs for stores that know the older checksums only: its plugin sends a CRC32 unless the
// location has an empty algorithm, whatever AWS_REQUEST_CHECKSUM_CALCULATION says (velero-plugin-for-aws v1.14.3
// object_store.go Init, config.go newS3Client; README, Ceph and B2).
func veleroChecksums() string {
	var names []string
	for i := range presets {
		if presets[i].checksums == v1alpha1.ChecksumsWhenRequired {
			names = append(names, string(presets[i].name))
		}
	}
	return `where checksums are WhenRequired (preset ` + strings.Join(names, ", ") + `): checksumAlgorithm: "" in the BackupStorageLocation`
}

const veleroNoSecret = "velero install --no-secret"

// velero 1.18.3 and its plugins for AWS (1.14.3), Microsoft Azure (1b682ce1, after 1.14.0-rc.1) and GCP (1.14.2). The location is in the BackupStorageLocation. A credentials
// file that Velero is given itself (AWS_SHARED_CREDENTIALS_FILE, without --no-secret) is the container's own, and wins.
var velero = dialect{
	name: "velero", version: "1.18.3", hasOwnLocation: true,
	proxy: "Go's net/http, by way of the SDKs",
	// Its HTTP client is the SDK's own (velero-plugin-for-aws config.go), so AWS_CA_BUNDLE counts.
	s3: allSupported(&s3Store, supported(veleroChecksums()), (*Environment).needsCABundle).override(map[string]cell{
		"webIdentity": {note: veleroNoSecret + "; " + veleroChecksums(), chain: chainOfGoSDK},
		"podIdentity": supported(veleroNoSecret + "; " + veleroChecksums()),
	}),
	azure: noneSupported(&azureStore, veleroFile).override(map[string]cell{
		// The authority is the cloud's of the file or of the location, and never AZURE_AUTHORITY_HOST (getCloudConfiguration).
		// NewWorkloadIdentityCredential is called without EnableAzureProxy.
		"workloadIdentity": {
			note:   veleroNoSecret + "; useAAD in the BackupStorageLocation; outside the public cloud also activeDirectoryAuthorityURI and storageAccountURI; not with identityBinding",
			refuse: noIdentityBinding("its credential does not ask for AKS identity bindings" + useDirectly),
		},
	}),
	// Without a file it must be told whose signature to ask for, and an external account has none (velero-plugin-for-gcp
	// 1.14.2 object_store.go Init, initFromComputeEngine, CreateSignedURL).
	gcs: allSupported(&gcsStore, supported("serviceAccount in the BackupStorageLocation"), nil).override(map[string]cell{
		"serviceAccountKey":          {},
		"workloadIdentityFederation": supported("velero backup logs, describe --details and download fail: it signs no URLs then"),
	}),
	rivals: []Rival{{Name: "AZURE_CREDENTIALS_FILE", before: azureTokens}},
}
