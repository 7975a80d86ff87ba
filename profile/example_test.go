package profile_test

import (
	"fmt"

	"lighterman.dev/lighterman/profile"
)

// A profile from a file is checked before it is used. Check lists every problem, by field.
func ExampleCheck() {
	prof, err := profile.Parse([]byte(`
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: backups, namespace: payments}
spec:
  s3:
    bucket: pg-backups
    preset: MinIO
    auth: {webIdentity: {roleARN: "arn:minio:iam:::role/backup", stsEndpoint: "https://minio.storage.svc:9000"}}
  tools: [restic, xbcloud]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, problem := range profile.Check(prof.Spec, profile.Cluster{}) {
		fmt.Println(problem.Field)
		fmt.Println("  " + problem.Message)
	}
	// Output:
	// spec.s3.endpoint
	//   is required for preset MinIO, for example https://minio.storage.svc:9000
}

// Render returns the variables of the store's SDKs, of the identity and of the tools.
func ExampleResolved_Render() {
	prof, err := profile.Parse([]byte(`
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: backups, namespace: payments}
spec:
  gcs: {bucket: pg-backups, prefix: payments, auth: {serviceAccountKey: {name: google, key: key.json}}}
  tools: [restic]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	resolved := profile.Resolve(prof.Spec)
	fmt.Println(prof, resolved.URL(), resolved.AuthMode())
	env, problems := resolved.Render(profile.Use{Files: profile.Files{Credentials: "/run/key.json"}}, profile.Cluster{})
	for _, problem := range problems {
		fmt.Println(problem)
	}
	for _, v := range env.Vars {
		fmt.Println(v.Name + "=" + v.Value)
	}
	// Output:
	// payments/backups gs://pg-backups/payments serviceAccountKey
	// LIGHTERMAN_PROVIDER=gcs
	// LIGHTERMAN_BUCKET=pg-backups
	// LIGHTERMAN_PREFIX=payments
	// GOOGLE_APPLICATION_CREDENTIALS=/run/key.json
	// CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE=/run/key.json
	// CLOUDSDK_CORE_CHECK_GCE_METADATA=false
	// RESTIC_REPOSITORY=gs:pg-backups:/payments
}
