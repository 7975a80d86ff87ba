package realsdk

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"cloud.google.com/go/auth/credentials"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"lighterman.dev/lighterman/e2e/oracle"
)

// timeout bounds one SDK's look for an identity: the stand-ins answer at once.
const timeout = 10 * time.Second

// takeAWS runs the chain of aws-sdk-go-v2. The keys of the environment are told from all others by their source.
func (c *Clouds) takeAWS(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { c.configure(t) })
	loaded, err := config.LoadDefaultConfig(ctx,
		config.WithHTTPClient(client),
		config.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { o.HTTPClient = client }),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }),
	)
	if err != nil {
		return "", err
	}
	found, err := loaded.Credentials.Retrieve(ctx)
	switch {
	case err != nil:
		return "", err
	case found.Source == config.CredentialsSourceName:
		return fmt.Sprintf("%s:%s/%s/%s", oracle.Keys, found.AccessKeyID, found.SecretAccessKey, found.SessionToken), nil
	case found.AccessKeyID != found.SecretAccessKey:
		return fmt.Sprintf("%s and %s", found.AccessKeyID, found.SecretAccessKey), nil
	}
	return found.AccessKeyID, nil
}

// takeAzure runs DefaultAzureCredential.
func (c *Clouds) takeAzure(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	credential, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: azcore.ClientOptions{Transport: c.client(), Retry: policy.RetryOptions{MaxRetries: -1}},
	})
	if err != nil {
		return "", err
	}
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://storage.azure.com/.default"}})
	return token.Token, err
}

const googleScope = "https://www.googleapis.com/auth/devstorage.read_write"

// takeOAuth2 runs the application default credentials of golang.org/x/oauth2.
func (c *Clouds) takeOAuth2(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, oauth2.HTTPClient, c.client()), timeout)
	defer cancel()
	found, err := google.FindDefaultCredentials(ctx, googleScope)
	if err != nil {
		return "", err
	}
	token, err := found.TokenSource.Token()
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

// takeAuth runs those of cloud.google.com/go/auth.
func (c *Clouds) takeAuth(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	found, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{googleScope}, Client: c.client()})
	if err != nil {
		return "", err
	}
	token, err := found.Token(ctx)
	if err != nil {
		return "", err
	}
	return token.Value, nil
}
