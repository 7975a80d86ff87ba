package e2e_test

import (
	"context"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/test/toolmatrix"

	"lighterman.dev/lighterman/e2e/fakecloud/metadata"
	"lighterman.dev/lighterman/e2e/harness/store"
)

// s3Store prepares the run with versitygw, at its own address or under Amazon's names.
func (r *proofRun) s3Store(t *testing.T) {
	t.Helper()
	r.spec.S3 = r.s3(r.namespace)
	if r.proof.Location == toolmatrix.Cloud {
		r.spec.S3 = &v1alpha1.S3Store{Bucket: r.namespace, Prefix: "dumps", Region: store.Region}
	}
	below := r.spec.S3.Prefix + "/"
	policy := store.AllowBackups(r.namespace, below)
	r.stored = func(ctx context.Context) (int64, error) { return r.store.Size(ctx, r.namespace, below) }
	// The pod of a Job gets its name after the admission, so the kubelet fills it in.
	r.spec.S3.Prefix = below + "{workload}/{pod}"
	auth := &r.spec.S3.Auth
	accessKey := func() {
		key, err := r.store.CreateUser(t.Context(), r.namespace, policy)
		if err != nil {
			t.Fatal(err)
		}
		auth.AccessKey = r.accessKey(t, store.Session{Key: key})
	}
	role := func(audience string) string {
		return r.store.RoleForTest(t, store.Role{Name: r.namespace, Audience: audience, Subject: r.subject(), Policy: policy})
	}
	r.prepare(t, map[string]func(){
		"accessKey": accessKey,
		"accessKey+append": func() {
			accessKey()
			r.spec.CABundle.Mode = v1alpha1.CABundleAppend
		},
		"accessKey+sessionToken": func() {
			session, err := r.store.AssumeRole(t.Context(), role(audience), r.token(t, audience))
			if err != nil {
				t.Fatal(err)
			}
			auth.AccessKey = r.accessKey(t, session)
		},
		"credentialsFile": func() {
			accessKey()
			auth.AccessKey, auth.CredentialsFile = nil, &v1alpha1.KeyRef{Name: "keys", Key: "credentials"}
		},
		"webIdentity": func() {
			auth.WebIdentity = &v1alpha1.S3WebIdentity{RoleARN: role(audience)}
			if r.proof.Location == toolmatrix.Endpoint {
				auth.WebIdentity.STSEndpoint = r.store.STSEndpoint
			}
		},
		"webIdentity+assumeRole": func() { r.chainRoles(t, policy) },
		"podIdentity": func() {
			r.cloud.LinkLocalForTest(t, r.target)
			r.cloud.AssociatePodIdentity(t, r.namespace, "backup", role(metadata.EKSAudience))
			auth.PodIdentity = &v1alpha1.S3PodIdentity{}
		},
	})
}

// chainRoles has the pods' first role, which may do nothing in the bucket, assume the one that may.
func (r *proofRun) chainRoles(t *testing.T, policy string) {
	t.Helper()
	role := func(name, policy string) string {
		return r.store.RoleForTest(t, store.Role{Name: name, Audience: audience, Subject: r.subject(), Policy: policy})
	}
	first := role(r.namespace+"-first", store.AllowBackups("no-bucket", ""))
	second := role(r.namespace, policy)
	const externalID = "acme/1234=x:y@z"
	r.cloud.TrustRole(t, second, first, externalID)
	r.spec.S3.Auth.WebIdentity = &v1alpha1.S3WebIdentity{
		RoleARN: first, AssumeRole: &v1alpha1.S3AssumeRole{RoleARN: second, ExternalID: externalID, SessionName: "proof"},
	}
}

// accessKey puts the key into the Secret "keys", in the forms that the modes want.
func (r *proofRun) accessKey(t *testing.T, s store.Session) *v1alpha1.S3AccessKey {
	t.Helper()
	r.create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "keys", Namespace: r.namespace},
		StringData: map[string]string{
			"id": s.ID, "secret": s.Secret, "token": s.Token,
			"credentials": "[default]\naws_access_key_id = " + s.ID + "\naws_secret_access_key = " + s.Secret + "\n",
		},
	})
	key := &v1alpha1.S3AccessKey{
		AccessKeyID:     v1alpha1.KeyRef{Name: "keys", Key: "id"},
		SecretAccessKey: v1alpha1.KeyRef{Name: "keys", Key: "secret"},
	}
	if s.Token != "" {
		key.SessionToken = &v1alpha1.KeyRef{Name: "keys", Key: "token"}
	}
	return key
}

// token gives a token of the service account that the pods use.
func (r *proofRun) token(t *testing.T, audience string) string {
	t.Helper()
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		Audiences: []string{audience}, ExpirationSeconds: ptr.To[int64](3600),
	}}
	out, err := r.kube.CoreV1().ServiceAccounts(r.namespace).CreateToken(t.Context(), "backup", request, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return out.Status.Token
}
