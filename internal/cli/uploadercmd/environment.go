package uploadercmd

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"lighterman.dev/lighterman/uploader"
)

// environment returns the value of a variable, like os.Getenv.
type environment func(string) string

// configFuncs maps the scheme of a URL to the function that returns the settings of its store, and the key in it.
var configFuncs = map[string]func(*url.URL, environment) (c *uploader.Config, key string){
	"s3": s3Config, "gs": gcsConfig, "https": azureConfig,
}

// configFromEnvironment returns the settings of the store that a manifest is in, and its key, for a process without the
// sidecar's settings: from the variables that Lighterman injects into any container, or those of the store's own tools.
func configFromEnvironment(u *url.URL, where string, env environment) (c *uploader.Config, key string, err error) {
	newConfig, known := configFuncs[u.Scheme]
	if !known {
		return nil, "", fmt.Errorf("%q does not say which store it is in: give the whole URL, or set %s", where,
			uploader.EnvConfig)
	}
	c, key = newConfig(u, env)
	return c, key, nil
}

// lightermanVariable returns a tool-independent variable of Lighterman's, or "" if the container's profile has another store.
func (e environment) lightermanVariable(provider, name string) string {
	if e("LIGHTERMAN_PROVIDER") != provider {
		return ""
	}
	return e("LIGHTERMAN_" + name)
}

func s3Config(u *url.URL, env environment) (c *uploader.Config, key string) {
	s3 := &uploader.S3{
		Bucket:   u.Host,
		Region:   cmp.Or(env.lightermanVariable("s3", "REGION"), env("AWS_REGION"), env("AWS_DEFAULT_REGION")),
		Endpoint: cmp.Or(env.lightermanVariable("s3", "ENDPOINT"), env("AWS_ENDPOINT_URL_S3"), env("AWS_ENDPOINT_URL")),
		// The SDK finds the injected credentials.
		Auth: uploader.Auth{Mode: "ambient"},
	}
	// Only Lighterman's variables have the URL style. Nearly all self-hosted stores accept this one.
	s3.ForcePathStyle = env.lightermanVariable("s3", "FORCE_PATH_STYLE") == "true" ||
		(s3.Endpoint != "" && env.lightermanVariable("s3", "BUCKET") == "")
	if env("AWS_RESPONSE_CHECKSUM_VALIDATION") == "when_required" {
		s3.Checksums = "WhenRequired"
	}
	caFile := cmp.Or(env.lightermanVariable("s3", "CA_FILE"), env("AWS_CA_BUNDLE"))
	return &uploader.Config{S3: s3, CAFile: caFile}, objectKey(u)
}

func gcsConfig(u *url.URL, env environment) (c *uploader.Config, key string) {
	gcs := &uploader.GCS{
		Bucket: u.Host, Endpoint: env.lightermanVariable("gcs", "ENDPOINT"), Auth: uploader.Auth{Mode: "ambient"},
	}
	return &uploader.Config{GCS: gcs, CAFile: env.lightermanVariable("gcs", "CA_FILE")}, objectKey(u)
}

func azureConfig(u *url.URL, env environment) (c *uploader.Config, key string) {
	container, key, _ := strings.Cut(objectKey(u), "/")
	azure := &uploader.Azure{
		Account: env("AZURE_STORAGE_ACCOUNT"), Container: container, Endpoint: u.Scheme + "://" + u.Host,
		Auth: uploader.Auth{Mode: "default"},
	}
	// Azure's DefaultAzureCredential reads none of these.
	for _, mode := range []string{"connectionString", "accountKey", "sasToken"} {
		if env(uploader.SecretVariables("azure", mode)[0]) != "" {
			azure.Auth.Mode = mode
			break
		}
	}
	return &uploader.Config{Azure: azure, CAFile: env.lightermanVariable("azure", "CA_FILE")}, key
}

func objectKey(u *url.URL) string { return strings.TrimPrefix(u.Path, "/") }
