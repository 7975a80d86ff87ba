package uploadercmd

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"lighterman.dev/lighterman/uploader"
)

// environment gives variables.
type environment func(string) string

// schemes say how the store of a URL is reached from a container that Lighterman has injected, or from a workstation.
var schemes = map[string]func(*url.URL, environment) (c *uploader.Config, key string){
	"s3": s3At, "gs": gcsAt, "https": azureAt,
}

// fromEnvironment says which store a manifest is in, and how it is reached where the sidecar's settings are not there: with
// what Lighterman injects into any container, or the store's own tools read.
func fromEnvironment(u *url.URL, where string, env environment) (c *uploader.Config, key string, err error) {
	reach, known := schemes[u.Scheme]
	if !known {
		return nil, "", fmt.Errorf("%q does not say which store it is in: give the whole URL, or set %s", where, uploader.EnvConfig)
	}
	c, key = reach(u, env)
	return c, key, nil
}

// injected is a neutral variable of Lighterman's; empty where the container's profile is of another store.
func (e environment) injected(provider, name string) string {
	if e("LIGHTERMAN_PROVIDER") != provider {
		return ""
	}
	return e("LIGHTERMAN_" + name)
}

func s3At(u *url.URL, env environment) (c *uploader.Config, key string) {
	s3 := &uploader.S3{
		Bucket:   u.Host,
		Region:   cmp.Or(env.injected("s3", "REGION"), env("AWS_REGION"), env("AWS_DEFAULT_REGION")),
		Endpoint: cmp.Or(env.injected("s3", "ENDPOINT"), env("AWS_ENDPOINT_URL_S3"), env("AWS_ENDPOINT_URL")),
		// The SDK finds whatever was injected.
		Auth: uploader.Auth{Mode: "ambient"},
	}
	// Nothing but Lighterman says which style a store of one's own wants, and nearly all take this one.
	s3.ForcePathStyle = env.injected("s3", "FORCE_PATH_STYLE") == "true" || (s3.Endpoint != "" && env.injected("s3", "BUCKET") == "")
	if env("AWS_RESPONSE_CHECKSUM_VALIDATION") == "when_required" {
		s3.Checksums = "WhenRequired"
	}
	return &uploader.Config{S3: s3, CAFile: cmp.Or(env.injected("s3", "CA_FILE"), env("AWS_CA_BUNDLE"))}, keyOf(u)
}

func gcsAt(u *url.URL, env environment) (c *uploader.Config, key string) {
	gcs := &uploader.GCS{Bucket: u.Host, Endpoint: env.injected("gcs", "ENDPOINT"), Auth: uploader.Auth{Mode: "ambient"}}
	return &uploader.Config{GCS: gcs, CAFile: env.injected("gcs", "CA_FILE")}, keyOf(u)
}

func azureAt(u *url.URL, env environment) (c *uploader.Config, key string) {
	container, key, _ := strings.Cut(keyOf(u), "/")
	azure := &uploader.Azure{
		Account: env("AZURE_STORAGE_ACCOUNT"), Container: container, Endpoint: u.Scheme + "://" + u.Host,
		Auth: uploader.Auth{Mode: "default"},
	}
	// Azure's own chain of credentials knows none of these.
	for _, mode := range []string{"connectionString", "accountKey", "sasToken"} {
		if env(uploader.SecretVariables("azure", mode)[0]) != "" {
			azure.Auth.Mode = mode
			break
		}
	}
	return &uploader.Config{Azure: azure, CAFile: env.injected("azure", "CA_FILE")}, key
}

func keyOf(u *url.URL) string { return strings.TrimPrefix(u.Path, "/") }
