package upload_test

import (
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/azure"
	"lighterman.dev/lighterman/uploader/storetest"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

func openAzure(tb testing.TB, server *teststores.Azure, containerName string) *azure.Store {
	tb.Helper()
	tb.Setenv("AZURE_STORAGE_KEY", server.Key)
	store, err := azure.New(uploader.Azure{
		Account: teststores.Account, Container: containerName, Endpoint: server.Endpoint, Auth: uploader.Auth{Mode: "accountKey"},
	}, transport.Options{CAFile: server.CAFile})
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

func TestAzure(t *testing.T) {
	server := teststores.Azurite(t)
	storetest.Run(t, openAzure(t, server, server.Container(t, "backups")), storetest.Options{})
}
