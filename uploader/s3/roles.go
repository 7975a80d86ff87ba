package s3

import (
	"cmp"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/secrets"
)

// chainDuration is how long the session of a second role lasts. STS gives none for longer to whoever has a role already, and every
// role allows it (docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
const chainDuration = time.Hour

// newWebIdentity exchanges the pod's token for a role, and that for a second one where there is one.
func newWebIdentity(where uploader.S3, client *http.Client) (provider, error) {
	options := sts.Options{Region: where.Region, HTTPClient: client, Retryer: aws.NopRetryer{}}
	if where.Auth.STSEndpoint != "" {
		options.BaseEndpoint = &where.Auth.STSEndpoint
	}
	first := newCache(stscreds.NewWebIdentityRoleProvider(
		sts.New(options), where.Auth.RoleARN, tokenFile(where.Auth.TokenFile),
		func(o *stscreds.WebIdentityRoleOptions) { o.RoleSessionName = sessionName() },
	))
	if where.Auth.AssumeRoleARN == "" {
		return first, nil
	}
	options.Credentials = first
	service := sts.New(options)
	second := stscreds.NewAssumeRoleProvider(service, where.Auth.AssumeRoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = cmp.Or(where.Auth.SessionName, sessionName())
		o.Duration = chainDuration
		if where.Auth.ExternalID != "" {
			o.ExternalID = &where.Auth.ExternalID
		}
	})
	return chainedRoles{newCache(second), first}, nil
}

// tokenFile is a file with the pod's token, for stscreds.
type tokenFile string

// GetIdentityToken implements stscreds.IdentityTokenRetriever.
func (f tokenFile) GetIdentityToken() ([]byte, error) {
	token, err := secrets.Token(string(f))
	return []byte(token), err
}

// chainedRoles is a credential that is made with another.
type chainedRoles struct {
	*aws.CredentialsCache
	first *aws.CredentialsCache
}

// Invalidate drops both: which of them the token service or the store has refused, the refusal does not tell.
func (c chainedRoles) Invalidate() {
	c.first.Invalidate()
	c.CredentialsCache.Invalidate()
}

// sessionName returns the name by which CloudTrail shows the pod. STS takes 2 to 64 of the characters that a pod's name has.
func sessionName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	name := "lighterman-" + host
	return name[:min(len(name), 64)]
}

// webIdentityIssuer returns who issued a credential of webIdentity.
func webIdentityIssuer(a uploader.Auth, _ aws.Credentials) string {
	if a.AssumeRoleARN != "" {
		return "STS, for the role " + a.AssumeRoleARN + ", which " + a.RoleARN + " assumes"
	}
	return "STS, for the role " + a.RoleARN
}

// assumeRoleOperation is the request for the second role.
const assumeRoleOperation = "AssumeRole"

// failedRole returns which of the two roles could not be had; empty: there is only one, or it is not for that.
func (s *Store) failedRole(err error) string {
	op := innermostOperation(err)
	switch {
	case s.auth.AssumeRoleARN == "" || op == nil || op.ServiceID != sts.ServiceID:
		return ""
	case op.OperationName == assumeRoleOperation:
		return s.auth.AssumeRoleARN
	}
	return s.auth.RoleARN
}

// deniedRole is the remedy for AccessDenied of the token service, which is about the role and not about the bucket.
const deniedRole = "check the role's trust policy: it must allow sts:AssumeRoleWithWebIdentity to the pod's service account"

// roleError is an error of the token service with the role that it is about.
type roleError struct {
	role string
	err  error
}

func (e roleError) Error() string { return "role " + e.role + ": " + e.err.Error() }

func (e roleError) Unwrap() error { return e.err }

// cureRole sets the remedy of what the token service has refused.
func (s *Store) cureRole(fault *objstore.Error, err error) {
	op := innermostOperation(err)
	if op == nil || op.ServiceID != sts.ServiceID {
		return
	}
	isSecond := s.auth.AssumeRoleARN != "" && op.OperationName == assumeRoleOperation
	switch {
	case isSecond && fault.Class == objstore.Denied:
		fault.Cure = "let the trust policy of " + s.auth.AssumeRoleARN + " allow sts:AssumeRole to " + s.auth.RoleARN +
			", for the profile's external ID where it demands one, and a policy of the latter allow sts:AssumeRole on the former"
	case isSecond && fault.Class == objstore.Unauthenticated:
		fault.Cure = "" // The key is the session of the first role, and in no Secret.
	case s.auth.AssumeRoleARN != "" && fault.Class == objstore.Denied:
		fault.Cure = "check the trust policy of " + s.auth.RoleARN +
			": it must allow sts:AssumeRoleWithWebIdentity to the pod's service account"
	case fault.Class == objstore.Denied:
		fault.Cure = deniedRole
	}
}

// nameRole returns the error with the role that could not be had, where there are two.
func (s *Store) nameRole(err error) error {
	short := error(shortError{err})
	if role := s.failedRole(err); role != "" {
		return roleError{role, short}
	}
	return short
}

// newCache keeps credentials until shortly before they end.
func newCache(found aws.CredentialsProvider) *aws.CredentialsCache {
	return aws.NewCredentialsCache(found, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = expiryWindow })
}
