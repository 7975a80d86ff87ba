package fakecloud_test

import (
	"encoding/json"
	"strings"
	"testing"

	"lighterman.dev/lighterman/e2e/fakecloud"
)

// TestGoogle puts objects as each kind of identity that is written in a file.
func TestGoogle(t *testing.T) {
	s := setup(t)
	bucket := s.namespace
	s.CreateGCSBucket(t, bucket)
	account, owner := fakecloud.GoogleAccount("writer-"+bucket), fakecloud.GoogleAccount("owner-"+bucket)
	foreign, powerless := fakecloud.GoogleAccount("foreign-"+bucket), fakecloud.GoogleAccount("powerless-"+bucket)
	audience := s.AllowPool(t, bucket)
	me := fakecloud.PoolPrincipal(s.subject("default"))
	s.AllowImpersonation(t, me, account)
	s.AllowImpersonation(t, me, powerless)
	s.AllowImpersonation(t, fakecloud.PoolPrincipal(s.subject("other")), foreign)
	for _, principal := range []string{me, account, owner, foreign} {
		s.GrantBucket(t, principal, bucket, "roles/storage.objectUser")
	}
	federation := func(tokenAudience, provider, account string) pod {
		return pod{
			audience: tokenAudience,
			env:      map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": filesDir + "/google.json"},
			files:    map[string]string{"google.json": externalAccount(t, provider, account)},
		}
	}
	key := func(file []byte) pod {
		return pod{
			env:   map[string]string{"GOOGLE_APPLICATION_CREDENTIALS": filesDir + "/google.json"},
			files: map[string]string{"google.json": string(file)},
		}
	}
	// A key that the account never had, under the name of one that it has.
	var registered, other map[string]string
	for file, into := range map[*map[string]string][]byte{&registered: s.ServiceAccountKey(t, owner), &other: s.ServiceAccountKey(t, owner)} {
		if err := json.Unmarshal(into, file); err != nil {
			t.Fatal(err)
		}
	}
	other["private_key_id"] = registered["private_key_id"]
	forged, err := json.Marshal(other)
	if err != nil {
		t.Fatal(err)
	}
	attempts := map[string]attempt{
		"federation":                            {pod: federation("https:"+audience, audience, "")},
		"federation, wrong audience":            {pod: federation("sts.amazonaws.com", audience, ""), refused: "does not match the expected audience"},
		"federation, unknown provider":          {pod: federation("https:"+audience, audience+"x", ""), refused: "invalid_target"},
		"federation with an account":            {pod: federation("https:"+audience, audience, account)},
		"federation, another's account":         {pod: federation("https:"+audience, audience, foreign), refused: "iam.serviceAccounts.getAccessToken"},
		"federation, account without the role":  {pod: federation("https:"+audience, audience, powerless), refused: "storage.objects.create"},
		"service account key":                   {pod: key(s.ServiceAccountKey(t, owner))},
		"service account key of nobody":         {pod: key(forged), refused: "signature"},
		"service account key without the roles": {pod: key(s.ServiceAccountKey(t, powerless)), refused: "storage.objects.create"},
	}
	s.run(t, attempts, "gs://"+bucket, func(name string) ([]byte, bool) { return s.GCSObject(t, bucket, name) })
}

// externalAccount is what gcloud writes for a cluster's tokens.
func externalAccount(t *testing.T, audience, account string) string {
	t.Helper()
	file := map[string]any{
		"type": "external_account", "universe_domain": "googleapis.com", "audience": audience,
		"subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": "https://sts.googleapis.com/v1/token",
		"credential_source": map[string]any{"file": filesDir + "/token", "format": map[string]string{"type": "text"}},
	}
	if account != "" {
		file["service_account_impersonation_url"] = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" + account + ":generateAccessToken"
	}
	data, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}
