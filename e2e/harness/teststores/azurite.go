package teststores

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/harness/require"
	"lighterman.dev/lighterman/e2e/harness/tools"
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

	server process
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
	a.server = process{
		name: filepath.Join(dir, "node"), address: a.Address,
		env: []string{"AZURITE_ACCOUNTS=" + Account + ":" + a.Key},
		args: []string{
			filepath.Join(dir, "azurite.js"), "--blobHost", host, "--blobPort", port, "--location", dirs(tb, "/dev/shm", "blobs")[0],
			"--silent", "--disableTelemetry", "--cert", files.Cert, "--key", files.Key, "--oauth", "basic",
			// The SDK is newer than Azurite.
			"--skipApiVersionCheck",
		},
	}
	a.Process = a.server.start(tb)
	return a
}

// NewKey makes a key for the account.
func NewKey() string {
	key := make([]byte, 64)
	rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}

// SetKeys starts the server anew with other keys of the account, one or two: it reads them at its start alone.
func (a *Azure) SetKeys(tb testing.TB, keys ...string) {
	tb.Helper()
	if err := a.Process.Signal(syscall.SIGTERM); err != nil { // It saves what it knows of its containers.
		tb.Fatal(err)
	}
	for { // Until the port is free.
		c, err := new(net.Dialer).DialContext(tb.Context(), "tcp", a.Address)
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(10 * time.Millisecond)
	}
	a.server.env = []string{"AZURITE_ACCOUNTS=" + Account + ":" + strings.Join(keys, ":")}
	a.Process = a.server.start(tb)
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
