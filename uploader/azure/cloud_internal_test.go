package azure

import (
	"testing"

	"lighterman.dev/lighterman/uploader"
)

// TestContainerURL holds that the host is the cloud's, and an endpoint goes before it.
func TestContainerURL(t *testing.T) {
	for want, where := range map[string]uploader.Azure{
		"https://a.blob.core.windows.net/c":          {Account: "a"},
		"https://a.blob.core.usgovcloudapi.net/c":    {Account: "a", Cloud: "AzureUSGovernment"},
		"https://a.blob.local.azurestack.external/c": {Account: "a", Cloud: "Other", Suffix: "local.azurestack.external"},
		"https://blobs.example.com/c":                {Account: "a", Cloud: "Other", Suffix: "x.example.com", Endpoint: "https://blobs.example.com/"},
	} {
		where.Container = "c"
		if got, err := containerURL(where); err != nil || got != want {
			t.Errorf("%+v: got %s, %v, want %s", where, got, err, want)
		}
	}
}

// TestAuthorityOfOtherCloud holds that a cloud which is not Microsoft's is asked at its own authority, and nobody else about it.
func TestAuthorityOfOtherCloud(t *testing.T) {
	where := uploader.Azure{
		Account: "a", Container: "c", Cloud: "Other", Suffix: "local.azurestack.external",
		Auth: uploader.Auth{Mode: "servicePrincipal", AuthorityHost: "https://login.azurestack.external/"},
	}
	if got := cloudOf(where).ActiveDirectoryAuthorityHost; got != where.Auth.AuthorityHost || !hasOwnAuthority(where) {
		t.Errorf("authority %q, its own: %v", got, hasOwnAuthority(where))
	}
}
