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
		CAFile: "/var/run/ca.crt", Series: "orders.0", Restarts: true,
		Containers: []uploader.Container{{Name: "dump"}, {Name: "wal"}},
		Expect:     &uploader.Expect{MinFiles: new(int64), MinBytes: 1 << 20, MaxShrinkPercent: 50},
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
	stdout := func(containers string) string {
		return `{"completion":"Wrap","gcs":{"bucket":"b","auth":{"mode":"ambient"}},"containers":[` + containers + `]}`
	}
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
		"a negative drain":              {with(`"drainTimeoutSeconds":-1`), []string{"drainTimeoutSeconds: "}},
		"huge parts":                    {with(`"partSizeMiB":6000`), []string{"partSizeMiB: "}},
		"much concurrency":              {with(`"concurrency":65`), []string{"concurrency: "}},
		"a negative limit":              {with(`"bandwidthLimit":-5`), []string{"bandwidthLimit: "}},
		"unknown encryption":            {with(`"sse":{"algorithm":"ROT13"}`), []string{"sse.algorithm: "}},
		"a key without KMS":             {with(`"sse":{"algorithm":"AES256","kmsKeyID":"k"}`), []string{"sse.kmsKeyID: "}},
		"a lock without mode":           {with(`"objectLock":{"mode":"","days":1}`), []string{"objectLock.mode: "}},
		"a lock without days":           {with(`"objectLock":{"mode":"Governance","days":0}`), []string{"objectLock.days: "}},
		"wrapped containers that Drain": {with(`"containers":[{"name":"dump"}]`), []string{"completion: is \"Drain\", and containers are wrapped: write Wrap"}},
		"a container without a name": {
			with(`"completion":"Wrap","containers":[{"name":""}]`), []string{`containers[0].name: is "": write the name of a container`},
		},
		"a container's name with a slash": {
			with(`"completion":"Wrap","containers":[{"name":"../a"}]`), []string{`containers[0].name: is "../a"`},
		},
		"a container twice": {
			with(`"completion":"Wrap","containers":[{"name":"a"},{"name":"b"},{"name":"a"}]`),
			[]string{`containers[2].name: is "a", as containers[0].name is: write another`},
		},
		"a spool and a standard output": {
			with(`"completion":"Wrap","containers":[{"name":"a","stdout":"a.dump"}]`),
			[]string{`spool: is "/backup", and the standard output of a container is the backup`},
		},
		"two standard outputs of one path": {
			stdout(`{"name":"a","stdout":"a.dump"},{"name":"b","stdout":"a.dump"}`),
			[]string{`containers[1].stdout: is "a.dump", as containers[0].stdout is`},
		},
		"an absolute standard output": {
			stdout(`{"name":"a","stdout":"/a.dump"}`), []string{`containers[0].stdout: is "/a.dump": write the name of a file`},
		},
		"a standard output that goes up": {
			stdout(`{"name":"a","stdout":"../a.dump"}`), []string{`containers[0].stdout: is "../a.dump": write the name of a file`},
		},
		"a standard output that is no file": {
			stdout(`{"name":"a","stdout":"dumps/"}`), []string{`containers[0].stdout: is "dumps/": write the name of a file`},
		},
		"a standard output with a line break": {
			stdout(`{"name":"a","stdout":"a\nb"}`), []string{"containers[0].stdout: ", "without control characters"},
		},
		"a standard output among the manifests": {
			stdout(`{"name":"a","stdout":".lighterman/x"}`), []string{"containers[0].stdout: ", "the uploader keeps .lighterman"},
		},
		"a long standard output": {
			stdout(`{"name":"a","stdout":"` + strings.Repeat("a", 256) + `"}`), []string{"containers[0].stdout: has 256 bytes"},
		},
		"a series with a slash":  {with(`"series":"a/b"`), []string{`series: is "a/b": write at most 63`}},
		"a series with two dots": {with(`"series":"a..b"`), []string{"series: "}},
		"a long series":          {with(`"series":"` + strings.Repeat("a", 64) + `"`), []string{"series: "}},
		"less than no file":      {with(`"expect":{"minFiles":-1}`), []string{"expect.minFiles: is -1"}},
		"less than no byte":      {with(`"expect":{"minBytes":-1}`), []string{"expect.minBytes: is -1"}},
		"a shrinkage to nothing": {with(`"expect":{"maxShrinkPercent":101}`), []string{"expect.maxShrinkPercent: is 101"}},
		"a shrinkage that grows": {with(`"expect":{"maxShrinkPercent":-1}`), []string{"expect.maxShrinkPercent: is -1"}},
		"a relative CA file":     {with(`"caFile":"ca.crt"`), []string{"caFile: "}},
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

// A run whose backup is the standard output of a command has no spool.
func TestParseConfigOfStandardOutput(t *testing.T) {
	got, err := uploader.ParseConfig(`{"completion":"Wrap","containers":[{"name":"dump","stdout":"db/orders ü.dump"}],` +
		`"gcs":{"bucket":"b","auth":{"mode":"ambient"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uploader.Container{{Name: "dump", Stdout: "db/orders ü.dump"}}, got.Containers); diff != "" || got.Spool != "" {
		t.Errorf("spool %q, containers -want +got:\n%s", got.Spool, diff)
	}
}

// A pod that had no name when it was configured is its own series.
func TestSeriesOf(t *testing.T) {
	for series, want := range map[string]string{"": "", "orders": "orders", uploader.PodPlaceholder: "orders-db-0"} {
		c := uploader.Config{Spool: "/backup", Series: series}
		if got := c.SeriesOf(uploader.Pod{Namespace: "payments", Name: "orders-db-0"}); got != want {
			t.Errorf("%q: got %q, want %q", series, got, want)
		}
		if problems := c.CheckSettings(); len(problems) > 0 {
			t.Errorf("%q: %v", series, problems)
		}
	}
}

// Every owner has a series, and no two have one.
func TestSeriesName(t *testing.T) {
	long := strings.Repeat("a-workload-with-a-name-of-", 4)
	for owner, want := range map[string]string{
		"": "", "orders": "orders", "shards.3": "shards.3",
		long + "one": "a-workload-with-a-name-of-a-workload-with-a-name-o-465e25b446bc",
		long + "two": "a-workload-with-a-name-of-a-workload-with-a-name-o-d038b0791a1c",
		"Orders":     "orders-b7e8acdd522e",
		"a..b":       "a--b-f62b42414c51",
		"---":        "cb3f91d54eee",
	} {
		got := uploader.SeriesName(owner)
		if got != want || (got != "" && !uploader.IsSeries(got)) {
			t.Errorf("%q: got %q, want %q", owner, got, want)
		}
	}
}

// What is read is valid, and reads the same again.
func FuzzParseConfig(f *testing.F) {
	f.Add(smallest)
	f.Add(`{"completion":"Wrap","containers":[{"name":"a","stdout":"b"}],"expect":{"minFiles":0},"gcs":{"bucket":"b","auth":{"mode":"ambient"}}}`)
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
