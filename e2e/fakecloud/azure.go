package fakecloud

import (
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/harness/pki"
)

const (
	// Account is the one storage account. Tests use containers of their own.
	Account = "lightermane2e"
	// TenantID is that of all applications.
	TenantID = "7e5a1c3e-0000-4000-8000-1c0de0fa5e70"
	// EntraAudience is what Entra ID wants in a service account token.
	EntraAudience = "api://AzureADTokenExchange"
	// BlobEndpoint is the account's, in the public cloud.
	BlobEndpoint = "https://" + Account + ".blob.core.windows.net/"
)

// FederateEntra lets a subject, "system:serviceaccount:NAMESPACE:NAME", prove itself as the application.
func (c *Cloud) FederateEntra(tb testing.TB, clientID, subject string) {
	tb.Helper()
	c.register(tb, directory.Entries{Applications: []directory.Application{{
		TenantID: TenantID, ClientID: clientID,
		Federated: []directory.FederatedCredential{{Issuer: c.Issuer, Subject: subject, Audience: EntraAudience}},
	}}})
}

// ServicePrincipalSecret returns a new client secret of the application.
func (c *Cloud) ServicePrincipalSecret(tb testing.TB, clientID string) string {
	tb.Helper()
	secret := rand.Text()
	c.register(tb, directory.Entries{Applications: []directory.Application{{TenantID: TenantID, ClientID: clientID, Secrets: []string{secret}}}})
	return secret
}

// ServicePrincipalCertificate returns a new client certificate of the application, with its key, as one PEM file.
func (c *Cloud) ServicePrincipalCertificate(tb testing.TB, clientID string) []byte {
	tb.Helper()
	pair, err := pki.SelfSignedRSA(clientID)
	if err != nil {
		tb.Fatal(err)
	}
	block, _ := pem.Decode(pair.CertPEM)
	c.register(tb, directory.Entries{Applications: []directory.Application{{
		TenantID: TenantID, ClientID: clientID, Certificates: [][]byte{block.Bytes},
	}}})
	return append(pair.KeyPEM, pair.CertPEM...)
}

// GrantBlob lets the application read and write the blobs of a container. No container means all.
func (c *Cloud) GrantBlob(tb testing.TB, clientID, container string) {
	tb.Helper()
	c.register(tb, directory.Entries{BlobRoles: []directory.BlobRole{{ClientID: clientID, Account: Account, Container: container}}})
}

// AccountKey is the storage account's.
func (c *Cloud) AccountKey() string { return c.account }

// ConnectionString is the storage account's, with its key.
func (c *Cloud) ConnectionString() string {
	return fmt.Sprintf("DefaultEndpointsProtocol=https;AccountName=%s;AccountKey=%s;EndpointSuffix=core.windows.net", Account, c.account)
}

// BlobSAS returns a signature for a container, without "?", that lasts an hour. Permissions are letters, e.g. "rcwl".
func (c *Cloud) BlobSAS(tb testing.TB, container, permissions string) string {
	tb.Helper()
	key, err := azblob.NewSharedKeyCredential(Account, c.account)
	if err != nil {
		tb.Fatal(err)
	}
	query, err := sas.BlobSignatureValues{
		Protocol: sas.ProtocolHTTPS, ContainerName: container, Permissions: permissions, ExpiryTime: time.Now().UTC().Add(time.Hour),
	}.SignWithSharedKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return query.Encode()
}

// CreateContainer makes a container, unless it exists.
func (c *Cloud) CreateContainer(tb testing.TB, name string) {
	tb.Helper()
	_, err := c.Blobs(tb).CreateContainer(tb.Context(), name, nil)
	if err != nil && !bloberror.HasCode(err, bloberror.ContainerAlreadyExists) {
		tb.Fatal(err)
	}
}

// Blobs returns a client with the account's key, for the test itself.
func (c *Cloud) Blobs(tb testing.TB) *azblob.Client {
	tb.Helper()
	key, err := azblob.NewSharedKeyCredential(Account, c.account)
	if err != nil {
		tb.Fatal(err)
	}
	client, err := azblob.NewClientWithSharedKeyCredential(BlobEndpoint, key, &azblob.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: c.Client()}})
	if err != nil {
		tb.Fatal(err)
	}
	return client
}

// Blob reads a blob with the account's key. ok is false where there is none.
func (c *Cloud) Blob(tb testing.TB, container, name string) (content []byte, ok bool) {
	tb.Helper()
	response, err := c.Blobs(tb).DownloadStream(tb.Context(), container, name, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound, bloberror.ContainerNotFound) {
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
