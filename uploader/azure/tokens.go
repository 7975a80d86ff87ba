package azure

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"lighterman.dev/lighterman/uploader/secrets"
	"lighterman.dev/lighterman/uploader/transport"
)

// recordedCredential joins the errors of a credential with those of the network: azidentity v1.15 turns them into text.
type recordedCredential struct {
	azcore.TokenCredential

	recorder *transport.Recorder
}

// GetToken implements azcore.TokenCredential.
func (c recordedCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	var token azcore.AccessToken
	err := c.recorder.Do(func() (err error) {
		token, err = c.TokenCredential.GetToken(ctx, o)
		return err
	})
	return token, err
}

// tokenExchange checks the pod's token before it asks Entra ID about the tenant.
type tokenExchange struct {
	azcore.TokenCredential

	tokenFile string
}

// GetToken implements azcore.TokenCredential.
func (e tokenExchange) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if _, err := secrets.Token(e.tokenFile); err != nil {
		return azcore.AccessToken{}, err
	}
	return e.TokenCredential.GetToken(ctx, o)
}
