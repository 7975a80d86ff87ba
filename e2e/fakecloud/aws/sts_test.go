package aws_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"lighterman.dev/lighterman/e2e/fakecloud/aws"
	"lighterman.dev/lighterman/e2e/fakecloud/directory"
)

const (
	first  = "arn:aws:iam::000000000000:role/first"
	second = "arn:aws:iam::000000000000:role/second"
	other  = "arn:aws:iam::000000000000:role/other"
)

// store is a token service that gives a session for the one token that it knows.
func store(w http.ResponseWriter, r *http.Request) {
	role := r.FormValue("RoleArn")
	if r.FormValue("WebIdentityToken") != "token" {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>No.</Message></Error></ErrorResponse>")
		return
	}
	fmt.Fprintf(w, "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>key-%[1]s</AccessKeyId>"+
		"<SecretAccessKey>secret-%[1]s</SecretAccessKey><SessionToken>session-%[1]s</SessionToken><Expiration>%[2]s</Expiration>"+
		"</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
		role[strings.LastIndex(role, "/")+1:], time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

// TestAssumeRole asks the service with the SDK, as the first role and as others.
func TestAssumeRole(t *testing.T) {
	next := httptest.NewServer(http.HandlerFunc(store))
	defer next.Close()
	var known directory.Directory
	known.Add(directory.Entries{RoleTrusts: []directory.RoleTrust{{RoleARN: second, Principal: first, ExternalID: "acme"}}})
	client := func(endpoint string, with sdk.CredentialsProvider) *sts.Client {
		return sts.New(sts.Options{BaseEndpoint: &endpoint, Region: "us-east-1", Credentials: with, Retryer: sdk.NopRetryer{}})
	}
	service := httptest.NewServer(&aws.STS{
		Directory: &known, Next: http.HandlerFunc(store), Client: client(next.URL, nil),
	})
	defer service.Close()
	exchange := func(role, token string) (credentials.StaticCredentialsProvider, error) {
		got, err := client(service.URL, nil).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: &role, RoleSessionName: sdk.String("x1"), WebIdentityToken: &token,
		})
		if err != nil {
			return credentials.StaticCredentialsProvider{}, err
		}
		c := got.Credentials
		return credentials.NewStaticCredentialsProvider(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken), nil
	}
	if _, err := exchange(first, "forged"); err == nil || !strings.Contains(err.Error(), "InvalidIdentityToken") {
		t.Errorf("a forged token: %v", err)
	}
	as, err := exchange(first, "token")
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := exchange(other, "token")
	if err != nil {
		t.Fatal(err)
	}
	guess, unknown, bare := as, as, as
	guess.Value.SecretAccessKey, unknown.Value.AccessKeyID, bare.Value.SessionToken = "guess", "key-unknown", ""
	tests := map[string]struct {
		as             sdk.CredentialsProvider
		role, external string
		name           string
		seconds        int32
		refused        string
	}{
		"as AWS wants it":        {as, second, "acme", "payments", 3600, ""},
		"another external ID":    {as, second, "other", "payments", 3600, "AccessDenied"},
		"no external ID":         {as, second, "", "payments", 3600, "AccessDenied"},
		"a role without trust":   {as, other, "acme", "payments", 3600, "AccessDenied"},
		"a stranger":             {stranger, second, "acme", "payments", 3600, "AccessDenied"},
		"a guessed secret":       {guess, second, "acme", "payments", 3600, "SignatureDoesNotMatch"},
		"an unknown key":         {unknown, second, "acme", "payments", 3600, "InvalidClientTokenId"},
		"no session token":       {bare, second, "acme", "payments", 3600, "IncompleteSignature"},
		"no signature":           {nil, second, "acme", "payments", 3600, "MissingAuthenticationToken"},
		"a session name of lies": {as, second, "acme", "a b", 3600, "ValidationError"},
		"longer than a chain is": {as, second, "acme", "payments", 7200, "ValidationError"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			asking := client(service.URL, test.as)
			if test.as == nil {
				asking = client(service.URL, sdk.AnonymousCredentials{})
			}
			input := &sts.AssumeRoleInput{RoleArn: &test.role, RoleSessionName: &test.name, DurationSeconds: &test.seconds}
			if test.external != "" {
				input.ExternalId = &test.external
			}
			got, err := asking.AssumeRole(t.Context(), input)
			switch {
			case test.refused != "":
				if err == nil || !strings.Contains(err.Error(), test.refused) {
					t.Errorf("got %v, want %s", err, test.refused)
				}
			case err != nil:
				t.Error(err)
			case *got.Credentials.AccessKeyId != "key-second" || *got.Credentials.SessionToken != "session-second":
				t.Errorf("got the session of %s", *got.Credentials.AccessKeyId)
			}
		})
	}
}
