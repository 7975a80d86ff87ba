package upload_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/storetest"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// rotation is a store whose keys are rotated under a sidecar that runs, and the Secret's volume.
type rotation struct {
	*pod

	volume *storetest.Volume
	// next are the files of the next key, which the store knows already.
	next map[string]string
	// revoke lets the store forget the first key.
	revoke func()
}

// rotations make a pod with a first key, and a second one.
var rotations = map[string]func(t *testing.T) *rotation{
	"S3 access key": func(t *testing.T) *rotation {
		t.Helper()
		server := teststores.Versitygw(t, teststores.S3Options{Users: true})
		b := s3Backend(t, server, server.Bucket(t, bucket))
		key := func() (id string, files map[string]string) {
			id, secret := rand.Text(), rand.Text()
			server.AddUser(t, id, secret)
			return id, map[string]string{"aws-access-key-id": id, "aws-secret-access-key": secret}
		}
		first, files := key()
		_, next := key()
		r := newRotation(t, b, "accessKey", files)
		r.next, r.revoke = next, func() { server.RemoveUser(t, first) }
		return r
	},
	"Azure account key": azureRotation("accountKey", "azure-storage-key", func(_ testing.TB, _ *teststores.Azure, key string) string { return key }),
	"Azure SAS token":   azureRotation("sasToken", "azure-storage-sas-token", signedWith),
	"Azure connection string": azureRotation("connectionString", "azure-storage-connection-string", func(_ testing.TB, a *teststores.Azure, key string) string {
		return "AccountName=" + teststores.Account + ";AccountKey=" + key + ";BlobEndpoint=" + a.Endpoint
	}),
}

func azureRotation(mode, file string, secret func(testing.TB, *teststores.Azure, string) string) func(*testing.T) *rotation {
	return func(t *testing.T) *rotation {
		t.Helper()
		server := teststores.Azurite(t)
		b := azureBackend(t, server)
		second := teststores.NewKey()
		r := newRotation(t, b, mode, map[string]string{file: secret(t, server, server.Key)})
		r.next = map[string]string{file: secret(t, server, second)}
		r.revoke = func() {
			server.SetKeys(t, second)
			again := *server
			again.Key = second
			r.store = openAzure(t, &again, bucket)
		}
		server.SetKeys(t, server.Key, second)
		return r
	}
}

// signedWith is a SAS token that a key of the account has signed.
func signedWith(tb testing.TB, _ *teststores.Azure, key string) string {
	tb.Helper()
	shared, err := container.NewSharedKeyCredential(teststores.Account, key)
	if err != nil {
		tb.Fatal(err)
	}
	may := sas.ContainerPermissions{Read: true, Create: true, Write: true, Delete: true, List: true}
	query, err := sas.BlobSignatureValues{
		ContainerName: bucket, Permissions: may.String(), StartTime: time.Now().Add(-time.Hour), ExpiryTime: time.Now().Add(time.Hour),
	}.SignWithSharedKey(shared)
	if err != nil {
		tb.Fatal(err)
	}
	return query.Encode()
}

func newRotation(t *testing.T, b *backend, mode string, files map[string]string) *rotation {
	t.Helper()
	volume := storetest.NewVolume(t, files)
	settings := b.settings
	b.settings = func(address string) uploader.Config {
		c := settings(address)
		auth := uploader.Auth{Mode: mode, SecretsDirectory: volume.Dir}
		if c.S3 != nil {
			c.S3.Auth = auth
		} else {
			c.Azure.Auth = auth
		}
		return c
	}
	r := &rotation{pod: newPod(t, b), volume: volume}
	r.secrets = nil // What is in the environment does not count.
	return r
}

// TestRotatedKeys rotates the keys of a store under a sidecar that runs: it takes the new one without a restart, whether the
// old one is revoked after the Secret has changed, or before.
func TestRotatedKeys(t *testing.T) {
	for name, open := range rotations {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			for _, variable := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_KEY"} {
				t.Setenv(variable, "")
			}
			s := r.sidecar()
			r.write("first", r.data(1000))
			r.stored("first")
			r.volume.Replace(r.next)
			r.revoke()
			r.write("second", r.data(1000))
			r.large("large", 2)
			r.stored("second")
			r.stored("large")
			if strings.Contains(s.text(), "Unauthenticated") {
				t.Error("the old key was tried after the Secret had changed")
			}
			r.drained(s)
		})
	}
	t.Run("revoked before the Secret has changed", func(t *testing.T) {
		r := rotations["S3 access key"](t)
		s := r.sidecar()
		r.revoke()
		r.write("dump", r.data(1000))
		s.says(`"class":"Unauthenticated"`)
		r.volume.Replace(r.next)
		r.stored("dump")
		r.drained(s)
	})
}
