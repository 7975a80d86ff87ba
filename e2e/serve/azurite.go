package serve

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/require"
	"lighterman.dev/lighterman/e2e/tools"
)

// Account is Azurite's only storage account.
const Account = "acct1"

// Azure is an Azurite.
type Azure struct {
	// Endpoint is the URL of the account's blob service, Address the part that is dialled.
	Endpoint, Address string
	// CAFile is the authority to trust.
	CAFile string
	// Key is the account's, in base64.
	Key string
	// Files are its certificate's.
	Files Files
	// Process is the server.
	Process *os.Process
}

// Azurite starts a store that speaks Azure Blob Storage's protocol over TLS.
func Azurite(tb testing.TB) *Azure {
	tb.Helper()
	b, err := tools.NewBuilder(tb.Output())
	if err != nil {
		tb.Fatal(err)
	}
	dir, err := b.Azurite(tb.Context())
	if errors.Is(err, tools.ErrNoNPM) {
		require.Skip(tb, err.Error())
	}
	if err != nil {
		tb.Fatal(err)
	}
	files := Certificate(tb)
	a := &Azure{
		Address: freeAddress(tb), CAFile: files.CA, Files: files, Key: base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 64)),
	}
	a.Endpoint = "https://" + a.Address + "/" + Account
	host, port := split(tb, a.Address)
	a.Process = process{
		name: filepath.Join(dir, "node"), address: a.Address,
		env: []string{"AZURITE_ACCOUNTS=" + Account + ":" + a.Key},
		args: []string{
			filepath.Join(dir, "azurite.js"), "--blobHost", host, "--blobPort", port, "--location", dirs(tb, "/dev/shm", "blobs")[0],
			"--silent", "--disableTelemetry", "--cert", files.Cert, "--key", files.Key, "--oauth", "basic",
			// The SDK is newer than Azurite.
			"--skipApiVersionCheck",
		},
	}.start(tb)
	return a
}

// Container makes a container.
func (a *Azure) Container(tb testing.TB, name string) string {
	tb.Helper()
	client, err := transport.New(transport.Options{CAFile: a.CAFile})
	if err != nil {
		tb.Fatal(err)
	}
	key, err := container.NewSharedKeyCredential(Account, a.Key)
	if err != nil {
		tb.Fatal(err)
	}
	options := &container.ClientOptions{ClientOptions: azcore.ClientOptions{Transport: client}}
	c, err := container.NewClientWithSharedKeyCredential(a.Endpoint+"/"+name, key, options)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := c.Create(tb.Context(), nil); err != nil {
		tb.Fatal(err)
	}
	return name
}
