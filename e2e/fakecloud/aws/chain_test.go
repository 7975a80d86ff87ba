package aws_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/fakecloud/aws"
	"lighterman.dev/lighterman/e2e/fakecloud/directory"
)

const chained = `
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: pg}
spec:
  s3:
    bucket: pg-backups
    region: us-east-1
    auth:
      webIdentity:
        roleARN: ` + first + `
        stsEndpoint: STS
        assumeRole: {roleARN: "` + second + `", externalID: acme, sessionName: payments}
  caBundle: {configMap: {name: ca}}
`

// TestChainAtOwnSTS gives the SDK and the uploader what a profile with a token service of its own renders: both requests go there.
func TestChainAtOwnSTS(t *testing.T) {
	var known directory.Directory
	known.Add(directory.Entries{RoleTrusts: []directory.RoleTrust{{RoleARN: second, Principal: first, ExternalID: "acme"}}})
	next := httptest.NewServer(http.HandlerFunc(store))
	defer next.Close()
	service := httptest.NewTLSServer(&aws.STS{Directory: &known, Next: http.HandlerFunc(store), Client: sts.New(sts.Options{
		BaseEndpoint: &next.URL, Region: "us-east-1", Retryer: sdk.NopRetryer{},
	})})
	defer service.Close()

	dir := t.TempDir()
	files := profile.Files{
		Token: filepath.Join(dir, "token"), CA: filepath.Join(dir, "ca.crt"), Credentials: filepath.Join(dir, "aws-config"),
	}
	parsed, err := profile.Parse([]byte(strings.Replace(chained, "STS", service.URL, 1)))
	if err != nil {
		t.Fatal(err)
	}
	r := profile.Resolve(parsed.Spec)
	e, problems := r.Render(profile.Use{Files: files}, profile.Cluster{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	text, err := e.ConfigText()
	if err != nil {
		t.Fatal(err)
	}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: service.Certificate().Raw})
	for path, content := range map[string]string{files.Token: "token", files.Credentials: text, files.CA: string(ca)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE",
		"AWS_SHARED_CREDENTIALS_FILE",
	} {
		t.Setenv(name, "")
	}
	for i := range e.Vars {
		t.Setenv(e.Vars[i].Name, e.Vars[i].Value)
	}

	loaded, err := config.LoadDefaultConfig(t.Context(), config.WithRetryer(func() sdk.Retryer { return sdk.NopRetryer{} }))
	if err != nil {
		t.Fatal(err)
	}
	got, err := loaded.Credentials.Retrieve(t.Context())
	if err != nil || got.AccessKeyID != "key-second" || got.SessionToken != "session-second" {
		t.Errorf("the SDK is %s: %v", got.AccessKeyID, err)
	}

	var c uploader.Config
	e.ConfigureUploader(&c)
	opened, err := s3.New(*c.S3, transport.Options{CAFile: files.CA})
	if err != nil {
		t.Fatal(err)
	}
	credential, err := opened.Authenticate(t.Context())
	if want := "STS, for the role " + second + ", which " + first + " assumes"; err != nil || credential.From != want {
		t.Errorf("the uploader has %q, want %q: %v", credential.From, want, err)
	}
}
