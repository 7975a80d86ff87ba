package upload_test

import (
	"encoding/base64"
	"encoding/json/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/storetest"

	"lighterman.dev/lighterman/e2e/fakecloud/identity/identitytest"
	"lighterman.dev/lighterman/e2e/harness/teststores"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// TestSeaweedFS holds the contract of a store against SeaweedFS, on request: preset SeaweedFS is what it takes.
func TestSeaweedFS(t *testing.T) {
	server := teststores.SeaweedFS(t, "")
	where := locate(t, server, server.Bucket(t, "backups"))
	for _, sums := range []string{"WhenSupported", "WhenRequired"} {
		where.Checksums = sums
		t.Run(sums, func(t *testing.T) { storetest.Run(t, openS3(t, server, where), storetest.Options{Prefix: sums}) })
	}
}

// TestSeaweedFSTools runs tools with nothing but what a profile with preset SeaweedFS injects, on request.
func TestSeaweedFSTools(t *testing.T) {
	server := teststores.SeaweedFS(t, "")
	server.Bucket(t, "backups")
	env := seaweedEnv(t, server.Endpoint)
	source, restored := t.TempDir(), t.TempDir()
	for name, size := range map[string]int{"small": 10, "large": 24 << 20} {
		if err := os.WriteFile(filepath.Join(source, name), []byte(strings.Repeat(name, size/len(name))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	restic, rclone := buildTool(t, tools.Restic()), buildTool(t, tools.Rclone())
	for _, command := range [][]string{
		{restic, "init"},
		{restic, "backup", source},
		{restic, "check", "--read-data"},
		{restic, "restore", "latest", "--target", filepath.Join(restored, "restic")},
		{"diff", "-r", source, filepath.Join(restored, "restic", source)},
		{rclone, "copy", source, "LIGHTERMAN:backups/rclone/"},
		{rclone, "check", "--download", source, "LIGHTERMAN:backups/rclone/"},
		{rclone, "copy", "LIGHTERMAN:backups/rclone/", filepath.Join(restored, "rclone")},
		{"diff", "-r", source, filepath.Join(restored, "rclone")},
	} {
		cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
}

// seaweedEnv returns the environment of a container with the profile.
func seaweedEnv(t *testing.T, endpoint string) []string {
	t.Helper()
	prof, err := profile.Parse([]byte(`
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: pg, namespace: payments}
spec:
  s3:
    bucket: backups
    prefix: pg
    preset: SeaweedFS
    endpoint: ` + endpoint + `
    auth:
      accessKey:
        accessKeyID: {name: store, key: id}
        secretAccessKey: {name: store, key: secret}
  tools: [restic, rclone]
`))
	if err != nil {
		t.Fatal(err)
	}
	resolved := profile.Resolve(prof.Spec)
	rendered, problems := resolved.Render(profile.Use{}, profile.Cluster{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	keys := map[string]string{"id": teststores.AccessKey, "secret": teststores.SecretKey}
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "RESTIC_PASSWORD=password"}
	for _, v := range rendered.Vars {
		value := v.Value
		if v.ValueFrom != nil {
			value = keys[v.ValueFrom.SecretKeyRef.Key]
		}
		env = append(env, v.Name+"="+value)
	}
	return env
}

// buildTool returns the tool's program.
func buildTool(t *testing.T, tool tools.Tool) string {
	t.Helper()
	b, err := tools.NewBuilder(t.Output())
	if err != nil {
		t.Fatal(err)
	}
	dir, err := b.Build(t.Context(), tool)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, tool.Name)
}

// seaweedRole is a role as SeaweedFS writes it, without an account.
const seaweedRole = "arn:aws:iam::role/backup"

// TestSeaweedFSWebIdentity exchanges a cluster's token for the credentials of a role of SeaweedFS, on request. A token of another
// service account gets none.
func TestSeaweedFSWebIdentity(t *testing.T) {
	cluster := identitytest.New(t)
	keys, err := json.Marshal(&jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: cluster.Key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(keys) }))
	defer issuer.Close()
	server := teststores.SeaweedFS(t, seaweedIAM(issuer.URL))
	where := locate(t, server, server.Bucket(t, "backups"))
	token := filepath.Join(t.TempDir(), "token")
	where.Auth = uploader.Auth{Mode: "webIdentity", RoleARN: seaweedRole, TokenFile: token, STSEndpoint: server.Endpoint}
	put := func(change ...func(*jwt.Claims)) error {
		if err := os.WriteFile(token, []byte(cluster.Token(t, "sts.amazonaws.com", change...)), 0o600); err != nil {
			t.Fatal(err)
		}
		store := openS3(t, server, where)
		body := objstore.Body{ReaderAt: strings.NewReader("probe"), Size: 5}
		_, err := store.Put(t.Context(), &objstore.Object{Key: "pg/probe", Overwrite: true}, body)
		return err
	}
	if err := put(); err != nil {
		t.Errorf("with the service account's token: %v", err)
	}
	if err := put(func(c *jwt.Claims) { c.Subject = "system:serviceaccount:team:other" }); err == nil {
		t.Error("another service account has the role")
	}
}

// seaweedIAM returns the configuration of a token service that believes the cluster's tokens.
func seaweedIAM(issuer string) string {
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	return `{
  "sts": {"tokenDuration": "1h", "maxSessionLength": "12h", "issuer": "seaweedfs", "signingKey": "` + key + `"},
  "providers": [{"name": "cluster", "type": "oidc", "enabled": true, "config": {
    "issuer": "` + identitytest.Issuer + `", "clientId": "sts.amazonaws.com", "jwksUri": "` + issuer + `"}}],
  "policy": {"defaultEffect": "Deny"},
  "policies": [{"name": "backup", "document": {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::backups", "arn:aws:s3:::backups/*"]}]}}],
  "roles": [{"roleName": "backup", "roleArn": "` + seaweedRole + `", "attachedPolicies": ["backup"], "trustPolicy": {
    "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Federated": "cluster"},
      "Action": ["sts:AssumeRoleWithWebIdentity"],
      "Condition": {"StringEquals": {"oidc:sub": "` + identitytest.Subject + `"}}}]}}]
}`
}
