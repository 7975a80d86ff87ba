package uploader_test

import (
	"fmt"

	"lighterman.dev/lighterman/uploader"
)

// A configuration as the injector writes it. What it leaves out has its default.
func ExampleParseConfig() {
	config, err := uploader.ParseConfig(`{
		"spool": "/backup", "prefix": "payments",
		"s3": {"bucket": "pg-backups", "region": "eu-west-1", "auth": {"mode": "podIdentity", "tokenFile": "/token"}}
	}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	where, err := config.Location()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(config.Upload, config.Completion, config.Key)
	fmt.Println(where.StoreName(), where.BucketName(), where.ServiceURL(), where.Identity().Mode)
	// Output:
	// OnClose Drain {namespace}/{pod}/{path}
	// s3 pg-backups https://s3.eu-west-1.amazonaws.com podIdentity
}

// Each problem has its field, and what to write instead.
func ExampleConfig_Check() {
	config := uploader.Config{
		Spool: "/backup", Upload: "Later",
		GCS: &uploader.GCS{Bucket: "pg-backups", Auth: uploader.Auth{Mode: "serviceAccountKey"}},
	}
	for _, problem := range config.Check() {
		fmt.Printf("%s %s\n", problem.Field, problem.Message)
	}
	// Output:
	// upload is "Later": write OnClose or Stream
	// gcs.auth.file is missing: mode serviceAccountKey needs it
}

// The keys of the files, and of the manifest, of one pod.
func ExampleTemplate_Keys() {
	template, err := uploader.ParseTemplate("{namespace}/{pod}/{path}")
	if err != nil {
		fmt.Println(err)
		return
	}
	keys := template.Keys("backups", uploader.Pod{Namespace: "payments", Name: "dump-x7", UID: "6f1c"})
	key, err := keys.Of("wal/000000010000000000000001")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(key)
	fmt.Println(keys.Manifest("6f1c"))
	// Output:
	// backups/payments/dump-x7/wal/000000010000000000000001
	// backups/payments/dump-x7/.lighterman/6f1c/manifest.json
}
