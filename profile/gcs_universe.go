package profile

import (
	"cmp"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// googleUniverse is the domain of Google's own cloud. In those that partners of Google run, only the hosts of the APIs are others:
// sts, iamcredentials and storage below the universe's domain (gcloud 528.0.0 command_lib/iam/byoid_utilities/cred_config.py;
// google.golang.org/api v0.315.0 storage/v1, basePathTemplate). Names of resources keep iam.googleapis.com (cred_config.py again).
const googleUniverse = "googleapis.com"

func universeOf(gcs *v1alpha1.GCSStore) string { return cmp.Or(gcs.UniverseDomain, googleUniverse) }

// isElsewhere reports whether a store is in another universe than Google's own.
func isElsewhere(gcs *v1alpha1.GCSStore) bool { return universeOf(gcs) != googleUniverse }

// googleService returns the URL of a service in the store's universe, without a slash at its end.
func googleService(gcs *v1alpha1.GCSStore, name string) string {
	return "https://" + name + "." + universeOf(gcs)
}

// storageEndpoint returns the URL of the storage service where it is not that of Google's own cloud, without a slash at its end;
// empty: it is.
func storageEndpoint(gcs *v1alpha1.GCSStore) string {
	if gcs.Endpoint == "" && isElsewhere(gcs) {
		return googleService(gcs, "storage")
	}
	return strings.TrimRight(gcs.Endpoint, "/")
}

// checkUniverse refuses a provider that is in another universe than the store.
func (p *problems) checkUniverse(gcs *v1alpha1.GCSStore) {
	wif := gcs.Auth.WorkloadIdentityFederation
	if wif == nil || !strings.HasPrefix(wif.Audience, "//") {
		return
	}
	for _, domain := range [...]string{googleUniverse, universeOf(gcs)} {
		if strings.HasPrefix(wif.Audience, "//iam."+domain+"/") {
			return
		}
	}
	p.addInvalid("spec.gcs.auth.workloadIdentityFederation.audience",
		"names a provider of another universe than universeDomain: begin it with //iam.googleapis.com/, or with //iam.%s/", universeOf(gcs))
}

// tokenAudience returns the audience of the token for a provider. One of a pool accepts its own name after https: unless it lists
// others (cloud.google.com/iam/docs/workload-identity-federation-with-kubernetes). For a cluster of a fleet it is the pool, the second
// part of identitynamespace:POOL:PROVIDER (github.com/GoogleCloudPlatform/secrets-store-csi-driver-provider-gcp, auth.go:
// fleetWorkloadIdentity).
func tokenAudience(wif *v1alpha1.GCPWorkloadIdentityFederation) string {
	if wif.TokenAudience != "" {
		return wif.TokenAudience
	}
	if rest, isFleet := strings.CutPrefix(wif.Audience, "identitynamespace:"); isFleet {
		pool, _, _ := strings.Cut(rest, ":")
		return pool
	}
	return "https:" + wif.Audience
}

// otherUniverse refuses another universe than Google's own.
func otherUniverse(why string) func(*Resolved) string {
	return func(r *Resolved) string {
		if isElsewhere(r.Spec.GCS) {
			return why
		}
		return ""
	}
}

// keyNote is the note of such a tool on keys.
const keyNote = "not with universeDomain"

// useOtherUniverse is what to use instead of a tool that cannot leave Google's own cloud.
const useOtherUniverse = ": leave it out of the tools, and upload with the uploader, or with restic, rclone, kopia, velero or litestream"

// keyElsewhere is why tools built on golang.org/x/oauth2 cannot use a key in another universe: there no token is given for one, and
// services take a token that the key itself has signed (google.golang.org/api v0.315.0 internal/creds.go), which that library does
// not make (v0.38.0 google/google.go). Seen with restic 0.18.1 and rclone 1.76.0; kopia 0.22.3 and litestream 0.5.18 sign one.
const keyElsewhere = "asks for a token in exchange for the key, which only Google's own universe gives: use workloadIdentityFederation"
