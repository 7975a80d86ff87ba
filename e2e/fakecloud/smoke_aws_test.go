package fakecloud_test

import (
	"strings"
	"testing"

	"lighterman.dev/lighterman/e2e/harness/store"
)

// TestAWS puts objects under Amazon's own names: the bucket is in the host name, and so is the region of the token service.
func TestAWS(t *testing.T) {
	s := setup(t)
	bucket := s.namespace
	if err := s.s3.CreateBucket(t.Context(), bucket); err != nil {
		t.Fatal(err)
	}
	const audience = "sts.amazonaws.com"
	policy := store.AllowPrefix(bucket, "", "s3:PutObject")
	mine := s.s3.RoleForTest(t, store.Role{Name: bucket, Audience: audience, Subject: s.subject("default"), Policy: policy})
	other := s.s3.RoleForTest(t, store.Role{Name: bucket + "-other", Audience: audience, Subject: s.subject("other"), Policy: policy})
	key, err := s.s3.CreateUser(t.Context(), bucket, policy)
	if err != nil {
		t.Fatal(err)
	}
	amazon := func(audience string, env map[string]string) pod {
		env["AWS_REGION"], env["AWS_EC2_METADATA_DISABLED"] = store.Region, "true"
		return pod{audience: audience, buckets: []string{bucket}, env: env}
	}
	webIdentity := func(role string) map[string]string {
		return map[string]string{"AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": filesDir + "/token"}
	}
	attempts := map[string]attempt{
		"access key":                   {pod: amazon("", map[string]string{"AWS_ACCESS_KEY_ID": key.ID, "AWS_SECRET_ACCESS_KEY": key.Secret})},
		"wrong access key":             {pod: amazon("", map[string]string{"AWS_ACCESS_KEY_ID": key.ID, "AWS_SECRET_ACCESS_KEY": "guess"}), refused: "SignatureDoesNotMatch"},
		"web identity":                 {pod: amazon(audience, webIdentity(mine))},
		"web identity, wrong subject":  {pod: amazon(audience, webIdentity(other)), refused: "InvalidIdentityToken"},
		"web identity, wrong audience": {pod: amazon("api://AzureADTokenExchange", webIdentity(mine)), refused: "InvalidIdentityToken"},
	}
	s.run(t, attempts, "s3://"+bucket, func(name string) ([]byte, bool) { return s.s3Object(t, bucket, name) })
}

func (s *smoke) s3Object(t *testing.T, bucket, name string) (content []byte, ok bool) {
	t.Helper()
	text, err := s.s3.Object(t.Context(), bucket, name)
	if err != nil && !strings.Contains(err.Error(), "NoSuchKey") {
		t.Error(err)
	}
	return []byte(text), err == nil
}
