package fakecloud_test

import (
	"testing"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lighterman.dev/lighterman/e2e/fakecloud"
	"lighterman.dev/lighterman/e2e/fakecloud/metadata"
	"lighterman.dev/lighterman/e2e/harness/store"
)

// account makes a service account, with an annotation where one is given.
func (s *smoke) account(t *testing.T, name string, annotation ...string) {
	t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{}}}
	for i := 0; i < len(annotation); i += 2 {
		account.Annotations[annotation[i]] = annotation[i+1]
	}
	if _, err := s.kube.CoreV1().ServiceAccounts(s.namespace).Create(t.Context(), account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestGKEMetadata(t *testing.T) {
	s := setup(t)
	s.LinkLocalForTest(t, s.target)
	bucket := s.namespace
	s.CreateGCSBucket(t, bucket)
	email, foreign := fakecloud.GoogleAccount("gke-"+bucket), fakecloud.GoogleAccount("gke-foreign-"+bucket)
	const annotation = "iam.gke.io/gcp-service-account"
	s.account(t, "annotated", annotation, email)
	s.account(t, "unbound", annotation, foreign)
	s.account(t, "direct")
	s.account(t, "powerless")
	s.AllowImpersonation(t, fakecloud.GKEMember(s.namespace, "annotated"), email)
	for _, principal := range []string{email, foreign, fakecloud.GKEPrincipal(s.namespace, "direct")} {
		s.GrantBucket(t, principal, bucket, "roles/storage.objectUser")
	}
	attempts := map[string]attempt{
		"gke with an annotation":    {pod: pod{account: "annotated"}},
		"gke without an annotation": {pod: pod{account: "direct"}},
		"gke without a binding":     {pod: pod{account: "unbound"}, refused: "iam.serviceAccounts.getAccessToken"},
		"gke without a role":        {pod: pod{account: "powerless"}, refused: "storage.objects.create"},
	}
	s.run(t, attempts, "gs://"+bucket, func(name string) ([]byte, bool) { return s.GCSObject(t, bucket, name) })
}

func TestAzureMetadata(t *testing.T) {
	s := setup(t)
	s.LinkLocalForTest(t, s.target)
	container := s.namespace
	s.CreateContainer(t, container)
	plain, bound := uuid.NewString(), uuid.NewString()
	s.ManagedIdentity(t, plain, s.namespace, "")
	s.ManagedIdentity(t, bound, s.namespace, "rok")
	s.GrantBlob(t, plain, container)
	s.GrantBlob(t, bound, container)
	managed := func(client string) map[string]string {
		return map[string]string{"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential", "AZURE_CLIENT_ID": client}
	}
	attempts := map[string]attempt{
		"managed identity":             {pod: pod{env: managed(plain)}},
		"managed identity of a label":  {pod: pod{env: managed(bound), labels: map[string]string{"aadpodidbinding": "rok"}}},
		"managed identity, no label":   {pod: pod{env: managed(bound)}, refused: "Identity not found"},
		"managed identity of somebody": {pod: pod{env: managed(uuid.NewString())}, refused: "Identity not found"},
	}
	s.run(t, attempts, fakecloud.BlobEndpoint+container, func(name string) ([]byte, bool) { return s.Blob(t, container, name) })
}

func TestEKSPodIdentity(t *testing.T) {
	s := setup(t)
	s.LinkLocalForTest(t, s.target)
	bucket := s.namespace
	if err := s.s3.CreateBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	role := s.s3.RoleForTest(t, store.Role{
		Name: bucket + "-eks", Audience: metadata.EKSAudience, Subject: s.subject("associated"), Policy: store.AllowPrefix(bucket, "", "s3:PutObject"),
	})
	s.account(t, "associated")
	s.account(t, "stranger")
	s.AssociatePodIdentity(t, s.namespace, "associated", role)
	agent := func(account, audience string) pod {
		return pod{account: account, audience: audience, buckets: []string{bucket}, env: map[string]string{
			"AWS_CONTAINER_CREDENTIALS_FULL_URI":     "http://169.254.170.23/v1/credentials",
			"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": filesDir + "/token", "AWS_REGION": store.Region,
		}}
	}
	attempts := map[string]attempt{
		"pod identity":                     {pod: agent("associated", metadata.EKSAudience)},
		"pod identity, wrong audience":     {pod: agent("associated", "sts.amazonaws.com"), refused: "the audience must be"},
		"pod identity without association": {pod: agent("stranger", metadata.EKSAudience), refused: "no association"},
	}
	s.run(t, attempts, "s3://"+bucket, func(name string) ([]byte, bool) { return s.s3Object(t, bucket, name) })
}
