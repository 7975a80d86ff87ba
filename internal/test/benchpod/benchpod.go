package benchpod

import _ "embed"

// JSON is the pod.
//
//go:embed pod.json
var JSON []byte

// Profile is the profile that it names, with web identity and a CA bundle.
const Profile = `
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: pg, namespace: payments, uid: 6e0c7a52-35a2-4b3e-a0ba-8a5d8e2d5a11, generation: 3}
spec:
  s3:
    bucket: pg-backups
    prefix: payments
    region: eu-west-1
    preset: MinIO
    endpoint: https://minio.storage.svc:9000
    auth:
      webIdentity:
        roleARN: arn:aws:iam::111122223333:role/backup
        stsEndpoint: https://minio.storage.svc:9000
  caBundle: {configMap: {name: storage-ca}}
`
