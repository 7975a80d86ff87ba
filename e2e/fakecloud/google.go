package fakecloud

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/oauth2"
	oauthgoogle "golang.org/x/oauth2/google"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
	"google.golang.org/api/storage/v1"

	"lighterman.dev/lighterman/e2e/fakecloud/api"
	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/google"
)

const (
	// ProjectID is the one Google project's.
	ProjectID = api.GoogleProject

	pool = api.GooglePools + "cluster"
	// oauthEndpoint is where a key's owner gets tokens.
	oauthEndpoint = "https://oauth2.googleapis.com/token"
)

// GoogleAccount is the e-mail address of a service account of the project.
func GoogleAccount(name string) string { return name + "@" + ProjectID + ".iam.gserviceaccount.com" }

// AllowPool makes a provider of the workload identity pool that trusts the cluster's tokens, and returns its full resource name, which
// profiles call the audience. Tokens must have it, with "https:" in front or without.
func (c *Cloud) AllowPool(tb testing.TB, provider string) (audience string) {
	tb.Helper()
	name := pool + "/providers/" + provider
	c.register(tb, directory.Entries{Providers: []directory.Provider{{Name: name, Issuer: c.Issuer}}})
	return name
}

// PoolPrincipal is who a subject, "system:serviceaccount:NAMESPACE:NAME", is to Google, whichever provider of the pool it came through.
func PoolPrincipal(subject string) string { return google.Subject(pool, subject) }

// AllowImpersonation lets a principal act as a service account.
func (c *Cloud) AllowImpersonation(tb testing.TB, principal, email string) {
	tb.Helper()
	c.register(tb, directory.Entries{ServiceAccounts: []directory.ServiceAccount{{Email: email, Users: []string{principal}}}})
}

// GrantBucket grants a principal, an e-mail address or a PoolPrincipal, a role for a bucket, e.g. "roles/storage.objectAdmin".
func (c *Cloud) GrantBucket(tb testing.TB, principal, bucket, role string) {
	tb.Helper()
	c.register(tb, directory.Entries{BucketRoles: []directory.BucketRole{{Principal: principal, Bucket: bucket, Role: role}}})
}

// ServiceAccountKey returns a new key of the service account, as the JSON file that Google gives.
func (c *Cloud) ServiceAccountKey(tb testing.TB, email string) []byte {
	tb.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		tb.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	id := strings.ToLower(rand.Text())
	c.register(tb, directory.Entries{ServiceAccounts: []directory.ServiceAccount{{Email: email, KeyID: id, PublicKey: public}}})
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": ProjectID, "private_key_id": id, "client_email": email, "client_id": "1",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		"token_uri":   oauthEndpoint, "universe_domain": "googleapis.com",
	})
	if err != nil {
		tb.Fatal(err)
	}
	return file
}

// GCS returns a client that may do everything, for the test itself. All tests get the same.
func (c *Cloud) GCS(tb testing.TB) *storage.Service {
	tb.Helper()
	c.gcs.Lock()
	defer c.gcs.Unlock()
	if c.gcs.service == nil {
		c.gcs.service = c.newGCS(tb)
	}
	return c.gcs.service
}

func (c *Cloud) newGCS(tb testing.TB) *storage.Service {
	tb.Helper()
	email := GoogleAccount("e2e-admin")
	c.GrantBucket(tb, email, "", "roles/storage.admin")
	config, err := oauthgoogle.JWTConfigFromJSON(c.ServiceAccountKey(tb, email), storage.DevstorageFullControlScope)
	if err != nil {
		tb.Fatal(err)
	}
	// Not the test's context: the client outlives it.
	ctx := context.WithValue(context.WithoutCancel(tb.Context()), oauth2.HTTPClient, c.Client())
	service, err := storage.NewService(ctx, option.WithHTTPClient(config.Client(ctx)))
	if err != nil {
		tb.Fatal(err)
	}
	return service
}

// CreateGCSBucket makes a bucket, unless it exists.
func (c *Cloud) CreateGCSBucket(tb testing.TB, name string) {
	tb.Helper()
	_, err := c.GCS(tb).Buckets.Insert(ProjectID, &storage.Bucket{Name: name}).Context(tb.Context()).Do()
	if err != nil && !hasCode(err, http.StatusConflict) {
		tb.Fatal(err)
	}
}

// GCSObject reads an object. ok is false where there is none.
func (c *Cloud) GCSObject(tb testing.TB, bucket, name string) (content []byte, ok bool) {
	tb.Helper()
	response, err := c.GCS(tb).Objects.Get(bucket, name).Context(tb.Context()).Download()
	if hasCode(err, http.StatusNotFound) {
		return nil, false
	}
	if err != nil {
		tb.Fatal(err)
	}
	content, err = io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		tb.Fatal(err)
	}
	return content, true
}

func hasCode(err error, code int) bool {
	var failure *googleapi.Error
	return errors.As(err, &failure) && failure.Code == code
}
