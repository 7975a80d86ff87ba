package upload_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/azure"
	"lighterman.dev/lighterman/uploader/doctor"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// examination is one that the doctor makes of a real store.
type examination struct {
	config *uploader.Config
	store  func() (objstore.Store, error)
	well   bool
	// says are beginnings of lines.
	says []string
}

func (e examination) run(t *testing.T) {
	t.Helper()
	e.config.Key = uploader.DefaultKey
	var lines []string
	well := doctor.Run(t.Context(), doctor.Options{
		Config: e.config, Pod: uploader.Pod{Namespace: "ns", Name: "pod", UID: "uid"}, Getenv: os.Getenv, Open: e.store,
	}, func(s doctor.Step) {
		line := fmt.Sprintf("ok %s: %s", s.Name, s.Detail)
		if s.Err != nil {
			line = fmt.Sprintf("FAIL %s: %v: %s", s.Name, s.Err, s.Cure)
		}
		lines = append(lines, line)
	})
	text := "\n" + strings.Join(lines, "\n")
	if well != e.well {
		t.Errorf("well: %v", well)
	}
	for _, want := range e.says {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("no line begins with %q", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestDoctorS3(t *testing.T) {
	server := teststores.Versitygw(t, teststores.S3Options{})
	locked, bare := server.Bucket(t, "locked"), server.BareBucket(t, "bare")
	lock := &uploader.ObjectLock{Mode: "Governance", Days: 1}
	for name, test := range map[string]struct {
		bucket string
		lock   *uploader.ObjectLock
		secret string
		well   bool
		says   []string
	}{
		"a bucket with object lock, which is asked for": {locked, lock, teststores.SecretKey, true, []string{
			"ok secrets: AWS_ACCESS_KEY_ID", "ok write: ns/pod/", "ok read: ", "ok delete: allowed", "ok versioning: on", "ok object lock: on, without a default",
		}},
		"a bucket without":                        {bare, nil, teststores.SecretKey, true, []string{"ok versioning: off", "ok object lock: off"}},
		"a bucket without, where it is asked for": {bare, lock, teststores.SecretKey, false, []string{"ok delete: allowed", "FAIL object lock: off, and the profile asks for uploader.objectLock: switch object lock on"}},
		"a bucket that is missing":                {"missing", nil, teststores.SecretKey, false, []string{"FAIL write: put ns/pod/.lighterman/uid-doctor/probe: PutObject: NoSuchBucket"}},
		"a caller who is not authorised":          {locked, nil, "wrong", false, []string{"FAIL write: put ns/pod/.lighterman/uid-doctor/probe: PutObject: SignatureDoesNotMatch"}},
	} {
		t.Run(name, func(t *testing.T) {
			where := locate(t, server, test.bucket)
			t.Setenv("AWS_SECRET_ACCESS_KEY", test.secret)
			examination{
				config: &uploader.Config{S3: &where, CAFile: server.CAFile, ObjectLock: test.lock}, well: test.well, says: test.says,
				store: func() (objstore.Store, error) { return s3.New(where, transport.Options{CAFile: server.CAFile}) },
			}.run(t)
		})
	}
}

func TestDoctorAzure(t *testing.T) {
	server := teststores.Azurite(t)
	name := server.Container(t, "backups")
	lock := &uploader.ObjectLock{Mode: "Governance", Days: 1}
	write := signature(t, server, name, sas.ContainerPermissions{Read: true, Create: true, Write: true, Delete: true, List: true}, time.Hour)
	for what, test := range map[string]struct {
		container, mode, variable, secret string
		lock                              *uploader.ObjectLock
		well                              bool
		says                              []string
	}{
		"an account key": {name, "accountKey", "AZURE_STORAGE_KEY", server.Key, nil, true, []string{
			"ok write: ", "ok delete: allowed", "ok versioning: off", "ok immutability: none",
		}},
		"a lock that is not possible": {name, "accountKey", "AZURE_STORAGE_KEY", server.Key, lock, false, []string{
			"FAIL immutability: none, and the profile asks for uploader.objectLock: enable version-level immutability",
		}},
		"a container that is missing": {"missing", "accountKey", "AZURE_STORAGE_KEY", server.Key, nil, false, []string{
			"FAIL write: put ns/pod/.lighterman/uid-doctor/probe: ContainerNotFound",
		}},
		"a signature for objects alone": {name, "sasToken", "AZURE_STORAGE_SAS_TOKEN", write, lock, true, []string{
			"ok write: ", "ok immutability: cannot be seen; the uploader works without.",
		}},
		"a signature that allows reading alone": {
			name, "sasToken", "AZURE_STORAGE_SAS_TOKEN", signature(t, server, name, sas.ContainerPermissions{Read: true}, time.Hour), nil, false, []string{
				"FAIL write: put ns/pod/.lighterman/uid-doctor/probe: Authorization",
			},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Setenv(test.variable, test.secret)
			where := uploader.Azure{Account: teststores.Account, Container: test.container, Endpoint: server.Endpoint, Auth: uploader.Auth{Mode: test.mode}}
			examination{
				config: &uploader.Config{Azure: &where, CAFile: server.CAFile, ObjectLock: test.lock}, well: test.well, says: test.says,
				store: func() (objstore.Store, error) { return azure.New(where, transport.Options{CAFile: server.CAFile}) },
			}.run(t)
		})
	}
}

// TestDoctorGCS is against fake-gcs-server, which has neither soft delete nor retention.
func TestDoctorGCS(t *testing.T) {
	server := teststores.FakeGCS(t)
	t.Setenv("GCE_METADATA_HOST", server.Metadata(t))
	name := server.Bucket(t, "backups")
	lock := &uploader.ObjectLock{Mode: "Governance", Days: 1}
	for what, test := range map[string]struct {
		bucket string
		lock   *uploader.ObjectLock
		well   bool
		says   []string
	}{
		"a bucket": {name, nil, true, []string{
			"ok token exchange: given by the metadata server, valid for ", "ok write: ", "ok versioning: off", "ok retention of objects: off",
		}},
		"a lock that is not possible": {name, lock, false, []string{"FAIL retention of objects: off, and the profile asks for uploader.objectLock: switch object retention on"}},
		"a bucket that is missing":    {"missing", nil, false, []string{"ok token exchange: ", "FAIL write: "}},
	} {
		t.Run(what, func(t *testing.T) {
			where := uploader.GCS{Bucket: test.bucket, Endpoint: server.Endpoint, Auth: uploader.Auth{Mode: "ambient"}}
			examination{
				config: &uploader.Config{GCS: &where, CAFile: server.CAFile, ObjectLock: test.lock}, well: test.well, says: test.says,
				store: func() (objstore.Store, error) { return gcs.New(where, transport.Options{CAFile: server.CAFile}) },
			}.run(t)
		})
	}
}
