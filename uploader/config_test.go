package uploader_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lighterman.dev/lighterman/uploader"
)

const smallest = `{"spool":"/backup","gcs":{"bucket":"b","auth":{"mode":"ambient"}}}`

func TestParseConfigFillsIn(t *testing.T) {
	got, err := uploader.ParseConfig(smallest)
	if err != nil {
		t.Fatal(err)
	}
	want := &uploader.Config{
		Spool: "/backup", Directory: "/lighterman", Upload: uploader.OnClose, Include: []string{"**"},
		Key: "{namespace}/{pod}/{path}", Completion: uploader.Drain, DrainTimeoutSeconds: 600,
		AfterUpload: uploader.Keep, PartSizeMiB: 16, Concurrency: 4,
		GCS: &uploader.GCS{Bucket: "b", Auth: uploader.Auth{Mode: "ambient"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestConfigSurvivesItsText(t *testing.T) {
	want := &uploader.Config{
		Spool: "/backup", Directory: "/run/x", Profile: "CredentialProfile b", Upload: uploader.Stream,
		Include: []string{"*.dump"}, Exclude: []string{"tmp/**"}, Prefix: "payments", Key: "{uid}/{path}",
		Completion: uploader.Wrap, DrainTimeoutSeconds: 7, Overwrite: true, AfterUpload: uploader.Delete, PartSizeMiB: 5,
		Concurrency: 64, BandwidthLimit: 1 << 20, StorageClass: "STANDARD_IA",
		SSE:        &uploader.SSE{Algorithm: "KMS", KMSKeyID: "arn:x"},
		ObjectLock: &uploader.ObjectLock{Mode: "Compliance", Days: 30}, Tags: map[string]string{"team": "a=b, ü"},
		CAFile: "/var/run/ca.crt",
		S3: &uploader.S3{
			Bucket: "b", Region: "eu-west-1", Endpoint: "https://minio:9000", ForcePathStyle: true, Checksums: "WhenRequired",
			Auth: uploader.Auth{Mode: "webIdentity", RoleARN: "arn:r", TokenFile: "/t", STSEndpoint: "https://sts"},
		},
	}
	got, err := uploader.ParseConfig(want.String())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.String() != want.String() {
		t.Error("the text differs")
	}
}

func TestParseConfigRefuses(t *testing.T) {
	with := func(fields string) string { return strings.TrimSuffix(smallest, "}") + "," + fields + "}" }
	bound := func(proxy, rest string) string {
		return `{"spool":"/backup","azure":{"container":"b","auth":{"mode":"workloadIdentity","clientID":"c","tenantID":"t","tokenFile":"/t",` +
			`"tokenProxy":"` + proxy + `"` + rest + `}}}`
	}
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"an empty variable":   {"", []string{"LIGHTERMAN_UPLOADER", "is empty"}},
		"what is not JSON":    {"{", []string{"LIGHTERMAN_UPLOADER"}},
		"an unknown field":    {with(`"speed":1`), []string{"speed", "of one version"}},
		"a field in capitals": {with(`"Upload":"Stream"`), []string{"Upload"}},
		"a field twice":       {with(`"upload":"Stream","upload":"OnClose"`), []string{"upload"}},
		"no spool and no store": {`{}`, []string{
			`spool: is "": write an absolute path other than /`, ": 0 of them are set: write exactly one",
		}},
		"a token proxy without TLS": {
			bound("http://10.0.0.1", `,"tokenProxyCA":"/ca"`), []string{"azure.auth.tokenProxy: must be an https URL"},
		},
		"a token proxy without an authority": {bound("https://10.0.0.1", ""), []string{"azure.auth.tokenProxyCA: is missing"}},
		"the name of no token proxy": {
			bound("", `,"sniName":"a.ests.aks","tokenProxyCA":"ca"`),
			[]string{"azure.auth.tokenProxy: is missing", `azure.auth.tokenProxyCA: is "ca": write an absolute path`},
		},
		"a spool that goes up":  {strings.Replace(smallest, "/backup", "/a/../b", 1), []string{"spool: is"}},
		"two stores":            {with(`"s3":{"bucket":"b","auth":{"mode":"ambient"}}`), []string{"2 of them are set"}},
		"an unknown mode":       {with(`"upload":"Now"`), []string{`upload: is "Now": write OnClose or Stream`}},
		"a completion":          {with(`"completion":"Wait"`), []string{"completion: "}},
		"after the upload":      {with(`"afterUpload":"Move"`), []string{"afterUpload: "}},
		"a broken pattern":      {with(`"include":["[a"]`), []string{"include[0]: "}},
		"an empty pattern":      {with(`"exclude":["a",""]`), []string{"exclude[1]: "}},
		"a prefix with a slash": {with(`"prefix":"/a"`), []string{"prefix: "}},
		"a key without path":    {with(`"key":"{pod}"`), []string{"key: ", "{path} 0 times"}},
		"a drain of years": {
			with(`"drainTimeoutSeconds":9999999`),
			[]string{"drainTimeoutSeconds: is 9999999: write a number from 1 to 604800"},
		},
		"a negative drain":    {with(`"drainTimeoutSeconds":-1`), []string{"drainTimeoutSeconds: "}},
		"huge parts":          {with(`"partSizeMiB":6000`), []string{"partSizeMiB: "}},
		"much concurrency":    {with(`"concurrency":65`), []string{"concurrency: "}},
		"a negative limit":    {with(`"bandwidthLimit":-5`), []string{"bandwidthLimit: "}},
		"unknown encryption":  {with(`"sse":{"algorithm":"ROT13"}`), []string{"sse.algorithm: "}},
		"a key without KMS":   {with(`"sse":{"algorithm":"AES256","kmsKeyID":"k"}`), []string{"sse.kmsKeyID: "}},
		"a lock without mode": {with(`"objectLock":{"mode":"","days":1}`), []string{"objectLock.mode: "}},
		"a lock without days": {with(`"objectLock":{"mode":"Governance","days":0}`), []string{"objectLock.days: "}},
		"a relative CA file":  {with(`"caFile":"ca.crt"`), []string{"caFile: "}},
		"a bucket with a slash": {
			`{"spool":"/b","gcs":{"bucket":"a/b","auth":{"mode":"ambient"}}}`, []string{"gcs.bucket: "},
		},
		"an endpoint by name": {
			`{"spool":"/b","s3":{"bucket":"a","endpoint":"minio:9000","auth":{"mode":"ambient"}}}`, []string{"s3.endpoint: "},
		},
		"an unknown auth mode": {
			`{"spool":"/b","s3":{"bucket":"a","auth":{"mode":"magic"}}}`,
			[]string{"s3.auth.mode: ", "accessKey, ambient, credentialsFile"},
		},
		"an auth mode's field": {
			`{"spool":"/b","s3":{"bucket":"a","auth":{"mode":"webIdentity","tokenFile":"/t"}}}`,
			[]string{"s3.auth.roleARN: is missing"},
		},
		"another auth mode's": {
			`{"spool":"/b","s3":{"bucket":"a","auth":{"mode":"ambient","roleARN":"r"}}}`,
			[]string{"s3.auth.roleARN: is set: mode ambient does not use it"},
		},
		"a cloud that is not one": {
			`{"spool":"/b","azure":{"container":"c","cloud":"Mars","auth":{"mode":"default"}}}`, []string{"azure.cloud: "},
		},
		"another cloud without its suffix": {
			`{"spool":"/b","azure":{"container":"c","cloud":"Other","auth":{"mode":"default"}}}`, []string{"azure.suffix: "},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := uploader.ParseConfig(test.text)
			if err == nil {
				t.Fatalf("read: %+v", got)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

// What is read is valid, and reads the same again.
func FuzzParseConfig(f *testing.F) {
	f.Add(smallest)
	f.Add(`{"spool":"/b","key":"{uid}/x{path}","azure":{"container":"c","auth":{"mode":"sasToken"}},"tags":{"a":"b"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		first, err := uploader.ParseConfig(text)
		if err != nil {
			return
		}
		second, err := uploader.ParseConfig(first.String())
		if err != nil {
			t.Fatalf("%s\nis not read again: %v", first, err)
		}
		if first.String() != second.String() {
			t.Errorf("%s\nbecomes %s", first, second)
		}
	})
}
