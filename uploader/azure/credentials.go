package azure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	neturl "net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/secrets"
	"lighterman.dev/lighterman/uploader/transport"
)

// authMode is an auth mode of Azure as data.
type authMode struct {
	// newClients makes clients with the one credential that the mode means, and tries no other.
	newClients func(uploader.Azure, *settings) (*secrets.Cache[*client], error)
	// issuer returns who issues tokens, for people; nil: the mode needs no token.
	issuer func(uploader.Auth) string
}

// authModes has a row for each auth mode of Azure that uploader.AuthModes has.
var authModes = map[string]authMode{
	"workloadIdentity": {newClients: withToken(workloadIdentity), issuer: issuedByEntraID},
	"managedIdentity": {
		newClients: withToken(managedIdentity),
		issuer: func(a uploader.Auth) string {
			return "the metadata service, for the managed identity " + cmp.Or(a.ClientID, "of the node")
		},
	},
	"podIdentityBinding": {
		newClients: withToken(managedIdentity), // NMI answers in place of the metadata service.
		issuer:     func(uploader.Auth) string { return "the metadata service, or NMI in its place" },
	},
	"servicePrincipal": {newClients: servicePrincipal, issuer: issuedByEntraID},
	"default": {
		newClients: withToken(defaultCredential),
		issuer:     func(uploader.Auth) string { return "the SDK's search for an identity" },
	},
	"connectionString": {newClients: withSecret(connectionString)},
	"accountKey":       {newClients: withSecret(accountKey)},
	"sasToken":         {newClients: withSecret(sasToken)},
}

func issuedByEntraID(a uploader.Auth) string {
	if a.TokenProxy != "" {
		return "the token proxy " + a.TokenProxy + ", for the managed identity " + a.ClientID
	}
	return "Entra ID, for the application " + a.ClientID
}

// credential makes a credential of Entra ID.
type credential func(uploader.Azure, policy.ClientOptions) (azcore.TokenCredential, error)

func withToken(make credential) func(uploader.Azure, *settings) (*secrets.Cache[*client], error) {
	return func(where uploader.Azure, s *settings) (*secrets.Cache[*client], error) {
		return secrets.None(func() (*client, error) { return s.newTokenClient(where, make) })
	}
}

func (s *settings) newTokenClient(where uploader.Azure, make credential) (*client, error) {
	url, err := containerURL(where)
	if err != nil {
		return nil, err
	}
	options := s.clientOptions()
	options.Cloud = cloudOf(where)
	http, recorder := transport.Record(s.http)
	options.Transport = http
	source, err := make(where, options)
	if err != nil {
		return nil, err
	}
	identity := recordedCredential{source, recorder}
	c, err := container.NewClient(url, identity, s.containerOptions())
	return &client{c, identity}, err
}

// withSecret makes clients of the one secret that a mode has.
func withSecret(
	make func(where uploader.Azure, secret string, s *settings) (*container.Client, error),
) func(uploader.Azure, *settings) (*secrets.Cache[*client], error) {
	return func(where uploader.Azure, s *settings) (*secrets.Cache[*client], error) {
		return newSecretCache(where.Auth, func(secret string) (*client, error) {
			c, err := make(where, secret, s)
			return &client{c, nil}, err
		})
	}
}

// newSecretCache returns a cache of the clients that are made of the mode's one secret.
func newSecretCache(auth uploader.Auth, make func(secret string) (*client, error)) (*secrets.Cache[*client], error) {
	names := uploader.SecretVariables("azure", auth.Mode)
	return secrets.Variables(auth, names, func(v secrets.Values) (*client, error) {
		secret := v[names[0]]
		if secret == "" {
			return nil, fmt.Errorf("%s is empty: give the Secret's key a value", auth.DescribeSecret(names[0]))
		}
		return make(secret)
	})
}

// workloadIdentity reads the token file each time: azidentity v1.15's own WorkloadIdentityCredential keeps what it has read
// for ten minutes, and a token may end before.
func workloadIdentity(where uploader.Azure, o policy.ClientOptions) (azcore.TokenCredential, error) {
	var recorder *transport.Recorder
	if where.Auth.TokenProxy != "" {
		proxy, err := newTokenProxy(where.Auth)
		if err != nil {
			return nil, err
		}
		proxy.http, recorder = transport.Record(proxy.http)
		o.Transport = proxy
	}
	exchange, err := azidentity.NewClientAssertionCredential(
		where.Auth.TenantID,
		where.Auth.ClientID,
		func(context.Context) (string, error) { return secrets.Token(where.Auth.TokenFile) },
		&azidentity.ClientAssertionCredentialOptions{
			ClientOptions: o, DisableInstanceDiscovery: hasOwnAuthority(where) || where.Auth.TokenProxy != "",
		},
	)
	checked := tokenExchange{exchange, where.Auth.TokenFile}
	if recorder == nil || err != nil {
		return checked, err
	}
	return proxiedCredential{recordedCredential{checked, recorder}}, nil
}

func managedIdentity(where uploader.Azure, o policy.ClientOptions) (azcore.TokenCredential, error) {
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: o}
	if where.Auth.ClientID != "" {
		options.ID = azidentity.ClientID(where.Auth.ClientID)
	}
	return azidentity.NewManagedIdentityCredential(options)
}

// servicePrincipal makes clients of a client secret, or of a certificate in a file.
func servicePrincipal(where uploader.Azure, s *settings) (*secrets.Cache[*client], error) {
	if where.Auth.File == "" {
		return newSecretCache(where.Auth, func(secret string) (*client, error) {
			return s.newTokenClient(where, func(_ uploader.Azure, o policy.ClientOptions) (azcore.TokenCredential, error) {
				return azidentity.NewClientSecretCredential(where.Auth.TenantID, where.Auth.ClientID, secret,
					&azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: hasOwnAuthority(where)})
			})
		})
	}
	return secrets.File(where.Auth.File, func(pem string) (*client, error) {
		certificates, key, err := azidentity.ParseCertificates([]byte(pem), nil)
		if err != nil {
			return nil, fmt.Errorf(
				"read the client certificate %s: it must have the certificate and its key as PEM: %w", where.Auth.File, err,
			)
		}
		return s.newTokenClient(where, func(_ uploader.Azure, o policy.ClientOptions) (azcore.TokenCredential, error) {
			return azidentity.NewClientCertificateCredential(where.Auth.TenantID, where.Auth.ClientID, certificates, key,
				&azidentity.ClientCertificateCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: hasOwnAuthority(where)})
		})
	})
}

// defaultCredential returns the SDK's own chain: it is the one mode that searches.
func defaultCredential(where uploader.Azure, o policy.ClientOptions) (azcore.TokenCredential, error) {
	return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: o, TenantID: where.Auth.TenantID, DisableInstanceDiscovery: hasOwnAuthority(where),
	})
}

func connectionString(where uploader.Azure, secret string, s *settings) (*container.Client, error) {
	for part := range strings.SplitSeq(secret, ";") {
		name, value, _ := strings.Cut(part, "=")
		if _, err := neturl.Parse(value); err != nil && strings.HasSuffix(name, "Endpoint") {
			return nil, fmt.Errorf("read AZURE_STORAGE_CONNECTION_STRING: its %s is no URL", name)
		}
	}
	return container.NewClientFromConnectionString(secret, where.Container, s.containerOptions())
}

func accountKey(where uploader.Azure, secret string, s *settings) (*container.Client, error) {
	url, err := containerURL(where)
	if err != nil {
		return nil, err
	}
	key, err := container.NewSharedKeyCredential(accountOf(where), secret)
	if err != nil {
		return nil, fmt.Errorf("read AZURE_STORAGE_KEY: it must be in base64, as Azure shows it: %w", err)
	}
	return container.NewClientWithSharedKeyCredential(url, key, s.containerOptions())
}

func sasToken(where uploader.Azure, secret string, s *settings) (*container.Client, error) {
	url, err := containerURL(where)
	if err != nil {
		return nil, err
	}
	query := strings.TrimPrefix(secret, "?")
	if values, err := neturl.ParseQuery(query); err != nil || values.Get("sig") == "" || strings.Contains(query, "://") {
		return nil, errors.New("read AZURE_STORAGE_SAS_TOKEN: it must be the query of a URL, with sig= in it, as Azure shows it")
	}
	return container.NewClientWithNoCredential(url+"?"+query, s.containerOptions())
}

// azureCloud is a cloud of Azure as data. Host names: see azureClouds in package profile.
type azureCloud struct {
	suffix string
	cloud  cloud.Configuration
}

var clouds = map[string]azureCloud{
	"":                  {"core.windows.net", cloud.AzurePublic},
	"AzurePublic":       {"core.windows.net", cloud.AzurePublic},
	"AzureUSGovernment": {"core.usgovcloudapi.net", cloud.AzureGovernment},
	"AzureChina":        {"core.chinacloudapi.cn", cloud.AzureChina},
}

// cloudOf returns the cloud as the SDK has it: of another than Microsoft's only the authority is known.
func cloudOf(where uploader.Azure) cloud.Configuration {
	c := clouds[where.Cloud].cloud
	if where.Auth.AuthorityHost != "" {
		c.ActiveDirectoryAuthorityHost = where.Auth.AuthorityHost
	}
	return c
}

// hasOwnAuthority reports whether the authority is one that Microsoft does not run: Microsoft's own cannot be asked about it.
func hasOwnAuthority(where uploader.Azure) bool {
	host := strings.TrimSuffix(where.Auth.AuthorityHost, "/")
	if host == "" {
		return false
	}
	for _, c := range clouds {
		if strings.TrimSuffix(c.cloud.ActiveDirectoryAuthorityHost, "/") == host {
			return false
		}
	}
	return true
}

func accountOf(where uploader.Azure) string {
	if where.Account != "" {
		return where.Account
	}
	return os.Getenv("AZURE_STORAGE_ACCOUNT")
}

func containerURL(where uploader.Azure) (string, error) {
	endpoint := strings.TrimSuffix(where.Endpoint, "/")
	if endpoint == "" {
		account := accountOf(where)
		if account == "" {
			return "", errors.New("azure.account is empty, and so is AZURE_STORAGE_ACCOUNT: name the storage account")
		}
		suffix := cmp.Or(where.Suffix, clouds[where.Cloud].suffix)
		if suffix == "" {
			return "", fmt.Errorf(
				"azure.cloud: %q is not a cloud: use AzurePublic, AzureUSGovernment or AzureChina, and Other with azure.suffix for another",
				where.Cloud,
			)
		}
		endpoint = "https://" + account + ".blob." + suffix
	}
	return endpoint + "/" + where.Container, nil
}
