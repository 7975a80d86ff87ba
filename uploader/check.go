package uploader

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

// checks gathers the problems of a Config, so that one error shows all of them.
type checks struct{ problems []error }

func (c *checks) add(field, format string, args ...any) {
	c.problems = append(c.problems, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
}

// Check finds every problem of a Config. Each names the field, and says what to write.
func (c *Config) Check() error {
	var k checks
	k.directory("spool", c.Spool, "/backup")
	if c.Directory != "" {
		k.directory("directory", c.Directory, DefaultDirectory)
	}
	k.oneOf("upload", string(c.Upload), string(OnClose), string(Stream))
	k.oneOf("completion", string(c.Completion), string(Drain), string(Wrap))
	k.oneOf("afterUpload", string(c.AfterUpload), string(Keep), string(Delete))
	k.patterns("include", c.Include)
	k.patterns("exclude", c.Exclude)
	k.prefix(c.Prefix)
	if c.Key != "" {
		if _, err := ParseTemplate(c.Key); err != nil {
			k.add("key", "%v", err)
		}
	}
	k.between("drainTimeoutSeconds", c.DrainTimeoutSeconds, 604800)
	k.between("partSizeMiB", c.PartSizeMiB, 5120)
	k.between("concurrency", int64(c.Concurrency), 64)
	if c.BandwidthLimit < 0 {
		k.add("bandwidthLimit", "is %d: write the bytes per second, or leave it out for no limit", c.BandwidthLimit)
	}
	k.sse(c.SSE)
	k.objectLock(c.ObjectLock)
	k.text("profile", c.Profile)
	k.text("storageClass", c.StorageClass)
	for _, name := range slices.Sorted(maps.Keys(c.Tags)) {
		k.text("tags", name)
		k.text("tags."+name, c.Tags[name])
	}
	k.file("caFile", c.CAFile)
	k.store(c)
	return errors.Join(k.problems...)
}

func (k *checks) directory(field, value, example string) {
	if !path.IsAbs(value) || path.Clean(value) != value || value == "/" {
		k.add(field, "is %q: write an absolute path other than /, for example %s", value, example)
	}
	k.text(field, value)
}

func (k *checks) file(field, value string) {
	if value != "" && !path.IsAbs(value) {
		k.add(field, "is %q: write an absolute path", value)
	}
	k.text(field, value)
}

func (k *checks) text(field, value string) {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		k.add(field, "is %q: write text in UTF-8, without NUL", value)
	}
}

func (k *checks) oneOf(field, value string, values ...string) {
	if value != "" && !slices.Contains(values, value) {
		k.add(field, "is %q: write %s", value, strings.Join(values, " or "))
	}
}

func (k *checks) between(field string, value, highest int64) {
	if value < 0 || value > highest {
		k.add(field, "is %d: write a number from 1 to %d", value, highest)
	}
}

func (k *checks) patterns(field string, patterns []string) {
	for i, pattern := range patterns {
		name := fmt.Sprintf("%s[%d]", field, i)
		k.text(name, pattern)
		if pattern == "" || !doublestar.ValidatePattern(pattern) {
			k.add(name, "is %q: write a pattern of paths in the spool, for example *.dump or wal/**", pattern)
		}
	}
}

func (k *checks) prefix(prefix string) {
	k.text("prefix", prefix)
	if strings.HasPrefix(prefix, "/") || strings.HasSuffix(prefix, "/") {
		k.add("prefix", "is %q: write it without a slash at either end", prefix)
	}
}

func (k *checks) sse(s *SSE) {
	if s == nil {
		return
	}
	k.text("sse.kmsKeyID", s.KMSKeyID)
	switch {
	case s.Algorithm != "AES256" && s.Algorithm != "KMS":
		k.add("sse.algorithm", "is %q: write AES256 or KMS", s.Algorithm)
	case s.Algorithm == "AES256" && s.KMSKeyID != "":
		k.add("sse.kmsKeyID", "names a key of the KMS: set sse.algorithm to KMS, or remove the key")
	}
}

func (k *checks) objectLock(o *ObjectLock) {
	if o == nil {
		return
	}
	if o.Mode != "Governance" && o.Mode != "Compliance" {
		k.add("objectLock.mode", "is %q: write Governance or Compliance", o.Mode)
	}
	if o.Days < 1 || o.Days > 36500 {
		k.add("objectLock.days", "is %d: write a number from 1 to 36500", o.Days)
	}
}

func (k *checks) store(c *Config) {
	stores := 0
	if s := c.S3; s != nil {
		stores++
		k.name("s3.bucket", s.Bucket)
		k.text("s3.region", s.Region)
		k.url("s3.endpoint", s.Endpoint)
		k.oneOf("s3.checksums", s.Checksums, "WhenSupported", "WhenRequired")
		k.auth("s3", &s.Auth)
	}
	if a := c.Azure; a != nil {
		stores++
		k.text("azure.account", a.Account)
		k.name("azure.container", a.Container)
		k.url("azure.endpoint", a.Endpoint)
		k.oneOf("azure.cloud", a.Cloud, "AzurePublic", "AzureUSGovernment", "AzureChina")
		k.auth("azure", &a.Auth)
	}
	if g := c.GCS; g != nil {
		stores++
		k.name("gcs.bucket", g.Bucket)
		k.text("gcs.projectID", g.ProjectID)
		k.url("gcs.endpoint", g.Endpoint)
		k.auth("gcs", &g.Auth)
	}
	if d := c.Dir; d != nil {
		stores++
		k.directory("dir.path", d.Path, "/mnt/backups")
		if within(d.Path, c.Spool) || within(c.Spool, d.Path) {
			k.add("dir.path", "is %q: write a directory that neither holds the spool %q nor lies in it", d.Path, c.Spool)
		}
	}
	if stores != 1 {
		k.add("s3, azure, gcs, dir", "%d of them are set: write exactly one", stores)
	}
}

func (k *checks) name(field, value string) {
	k.text(field, value)
	if value == "" || strings.Contains(value, "/") {
		k.add(field, "is %q: write the name, without a slash", value)
	}
}

func (k *checks) url(field, value string) {
	if value == "" {
		return
	}
	k.text(field, value)
	if u, err := url.Parse(value); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		k.add(field, "is %q: write a URL with a scheme, for example https://minio.storage.svc:9000", value)
	}
}

func (k *checks) auth(store string, a *Auth) {
	mode, ok := authModes[store][a.Mode]
	if !ok {
		k.add(store+".auth.mode", "is %q: write one of %s", a.Mode,
			strings.Join(slices.Sorted(maps.Keys(authModes[store])), ", "))
		return
	}
	for _, field := range a.fields() {
		name := store + ".auth." + field.name
		k.text(name, field.value)
		switch required := slices.Contains(mode.required, field.name); {
		case required && field.value == "":
			k.add(name, "is missing: mode %s needs it", a.Mode)
		case field.value != "" && !required && !slices.Contains(mode.optional, field.name):
			k.add(name, "is set: mode %s does not use it; remove it", a.Mode)
		}
	}
	k.file(store+".auth.tokenFile", a.TokenFile)
	k.file(store+".auth.file", a.File)
	k.file(store+".auth.secretsDirectory", a.SecretsDirectory)
	k.url(store+".auth.stsEndpoint", a.STSEndpoint)
	k.url(store+".auth.credentialsURL", a.CredentialsURL)
	k.url(store+".auth.authorityHost", a.AuthorityHost)
}

// within reports whether a clean path is dir, or lies below it.
func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }
