package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/secrets"
	"lighterman.dev/lighterman/uploader/transport"
)

const (
	// expiryWindow is how long before its end a credential is renewed: a part of an hour's upload must not outlive it.
	expiryWindow = 5 * time.Minute
	// agentURL is where the EKS Pod Identity agent answers: docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html.
	agentURL = "http://169.254.170.23/v1/credentials"
)

// noIdentity is the remedy where the SDK looks for an identity and finds none.
const noIdentity = "look at the identity that the profile's auth mode means: this pod does not have it"

// provider is a source of credentials that drops one which the store refused.
type provider interface {
	aws.CredentialsProvider
	Invalidate()
}

// authMode is an auth mode of S3 as data.
type authMode struct {
	// newProvider makes the one credential that the mode means, and tries no other.
	newProvider func(uploader.S3, *http.Client) (provider, error)
	// issuer returns who issued a credential, for people; nil: the mode has its credential at hand.
	issuer func(uploader.Auth, aws.Credentials) string
}

// authModes has a row for each auth mode of S3 that uploader.AuthModes has.
var authModes = map[string]authMode{
	"webIdentity": {
		newProvider: newWebIdentity,
		issuer:      webIdentityIssuer,
	},
	"podIdentity": {
		newProvider: withCache(newPodIdentity),
		issuer:      func(uploader.Auth, aws.Credentials) string { return "the EKS Pod Identity agent" },
	},
	"accessKey":       {newProvider: newAccessKey},
	"credentialsFile": {newProvider: newCredentialsFile},
	"ambient": {
		newProvider: withCache(newAmbient),
		issuer:      func(_ uploader.Auth, c aws.Credentials) string { return "the pod or its node (" + c.Source + ")" },
	},
}

// withCache makes a mode keep its credentials until shortly before they end.
func withCache(
	mode func(uploader.S3, *http.Client) (aws.CredentialsProvider, error),
) func(uploader.S3, *http.Client) (provider, error) {
	return func(where uploader.S3, client *http.Client) (provider, error) {
		found, err := mode(where, client)
		if err != nil {
			return nil, err
		}
		return newCache(found), nil
	}
}

func newCredentials(where uploader.S3, client *http.Client) (provider, error) {
	mode, ok := authModes[where.Auth.Mode]
	if !ok {
		return nil, fmt.Errorf("s3.auth.mode: %q is not an auth mode of S3", where.Auth.Mode)
	}
	found, err := mode.newProvider(where, client)
	if err != nil {
		return nil, fmt.Errorf("s3.auth, mode %s: %w", where.Auth.Mode, err)
	}
	return found, nil
}

func newPodIdentity(where uploader.S3, client *http.Client) (aws.CredentialsProvider, error) {
	url := where.Auth.CredentialsURL
	if url == "" {
		url = agentURL
	}
	agent := endpointcreds.New(url, func(o *endpointcreds.Options) {
		o.HTTPClient = client
		o.Retryer = aws.NopRetryer{}
		o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
			return secrets.Token(where.Auth.TokenFile)
		})
	})
	return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		if _, err := secrets.Token(where.Auth.TokenFile); err != nil { // The SDK would turn it into text.
			return aws.Credentials{}, err
		}
		got, err := agent.Retrieve(ctx)
		if err != nil {
			err = &agentError{err}
		}
		return got, err
	}), nil
}

// staticProvider is a credential of files that the kubelet replaces when their Secret changes.
type staticProvider struct {
	*secrets.Cache[aws.Credentials]
}

// Retrieve returns the credential as the files have it now.
func (s staticProvider) Retrieve(context.Context) (aws.Credentials, error) { return s.Get() }

// Invalidate lets the files be read again.
func (s staticProvider) Invalidate() { s.Renew() }

const (
	keyVariable     = "AWS_ACCESS_KEY_ID"
	secretVariable  = "AWS_SECRET_ACCESS_KEY"
	sessionVariable = "AWS_SESSION_TOKEN"
)

func newAccessKey(where uploader.S3, _ *http.Client) (provider, error) {
	cache, err := secrets.Variables(where.Auth, uploader.SecretVariables("s3", where.Auth.Mode), func(v secrets.Values) (aws.Credentials, error) {
		for _, name := range []string{keyVariable, secretVariable} {
			if v[name] == "" {
				return aws.Credentials{}, fmt.Errorf("%s is empty: give the Secret's key a value", where.Auth.DescribeSecret(name))
			}
		}
		return aws.Credentials{
			AccessKeyID: v[keyVariable], SecretAccessKey: v[secretVariable], SessionToken: v[sessionVariable],
		}, nil
	})
	return staticProvider{cache}, err
}

// newCredentialsFile reads an AWS shared credentials file with keys in its profile default.
func newCredentialsFile(where uploader.S3, _ *http.Client) (provider, error) {
	file := where.Auth.File
	cache, err := secrets.File(file, func(string) (aws.Credentials, error) {
		profile, err := config.LoadSharedConfigProfile(
			context.Background(),
			"default",
			func(o *config.LoadSharedConfigOptions) {
				o.CredentialsFiles, o.ConfigFiles = []string{file}, []string{}
			},
		)
		if err != nil { // Its text may be that of the line which it cannot read.
			return aws.Credentials{}, fmt.Errorf("%s is no file of AWS credentials with a profile [default]", file)
		}
		if !profile.Credentials.HasKeys() {
			return aws.Credentials{}, fmt.Errorf(
				"read %s: set aws_access_key_id and aws_secret_access_key in its profile [default]", file,
			)
		}
		keys := profile.Credentials
		return keys, errors.Join(
			secrets.CheckShape("aws_access_key_id", keys.AccessKeyID),
			secrets.CheckShape("aws_secret_access_key", keys.SecretAccessKey),
			secrets.CheckShape("aws_session_token", keys.SessionToken),
		)
	})
	return staticProvider{cache}, err
}

// newAmbient returns whatever identity the pod or its node has: it is the one mode that searches. The SDK's own order is variables, web
// identity, shared files, the container's role (ECS, Pod Identity), the instance's role. The SDK sets short
// timeouts of its own client for the instance's metadata, but sends requests for it through HTTP_PROXY (feature/ec2/imds v1.20.7,
// resolveHTTPClient).
func newAmbient(where uploader.S3, _ *http.Client) (aws.CredentialsProvider, error) {
	proxy := transport.NewProxy()
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.Proxy = proxy })
	found, err := config.LoadDefaultConfig(
		context.Background(), config.WithRegion(where.Region), config.WithHTTPClient(client),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	)
	if err != nil {
		return nil, fmt.Errorf("find the pod's identity: %w", err)
	}
	return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		got, err := found.Credentials.Retrieve(ctx)
		if err != nil && isUnsent(err) && transport.ClassifyError(ctx, err) == nil {
			err = objstore.AsMisconfigured(err, noIdentity)
		}
		return got, err
	}), nil
}
