package inpod

import (
	"testing"

	"lighterman.dev/lighterman/uploader"
)

func TestWithVariables(t *testing.T) {
	config := uploader.Config{Spool: "/spool", S3: &uploader.S3{
		Bucket: "b", Auth: uploader.Auth{Mode: "accessKey", SecretsDirectory: "/var/run/secrets/lighterman.dev"},
	}}
	text, err := readSecretsFromVariables(config.String())
	if err != nil {
		t.Fatal(err)
	}
	got, err := uploader.ParseConfig(text)
	if err != nil || got.S3.Auth.SecretsDirectory != "" || got.S3.Auth.Mode != "accessKey" || got.S3.Bucket != "b" || got.Spool != "/spool" {
		t.Errorf("got %s, %v", text, err)
	}
	const later = `{"azure":{"auth":{"mode":"sasToken","new":1,"secretsDirectory":"/x"},"new":2},"new":3}`
	const want = `{"azure":{"auth":{"mode":"sasToken","new":1},"new":2},"new":3}`
	if text, err := readSecretsFromVariables(later); err != nil || text != want {
		t.Errorf("got %s, %v", text, err)
	}
	for _, wrong := range []string{"", "[]", `{"s3":1}`, `{"s3":{}}`} {
		if text, err := readSecretsFromVariables(wrong); err == nil {
			t.Errorf("%q gives %q", wrong, text)
		}
	}
}
