package uploader

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

// Problem is a fault in a Config.
type Problem struct {
	// Field is the path of the field, as JSON names it: objectLock.days.
	Field string
	// Message describes the field's value and what to write instead: is 0: write a number from 1 to 36500.
	Message string
}

// String returns the field and the message.
func (p Problem) String() string { return p.Field + ": " + p.Message }

func joinProblems(problems []Problem, separator string) string {
	texts := make([]string, len(problems))
	for i, p := range problems {
		texts[i] = p.String()
	}
	return strings.Join(texts, separator)
}

// checker collects the problems of a Config.
type checker struct{ problems []Problem }

func (k *checker) add(field, format string, args ...any) {
	k.problems = append(k.problems, Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

// Check returns every problem of a Config.
func (c *Config) Check() []Problem {
	problems := c.CheckSettings()
	set := c.locations()
	for _, where := range set {
		problems = append(problems, where.Check()...)
	}
	if len(set) != 1 {
		problems = append(problems, Problem{Field: strings.Join(StoreNames(), ", "), Message: fmt.Sprintf("%d of them are set: write exactly one", len(set))})
	}
	return problems
}

// CheckSettings returns the problems of a Config apart from its location.
func (c *Config) CheckSettings() []Problem {
	var k checker
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
	return k.problems
}

func (k *checker) directory(field, value, example string) {
	if !path.IsAbs(value) || path.Clean(value) != value || value == "/" {
		k.add(field, "is %q: write an absolute path other than /, for example %s", value, example)
	}
	k.text(field, value)
}

func (k *checker) file(field, value string) {
	if value != "" && !path.IsAbs(value) {
		k.add(field, "is %q: write an absolute path", value)
	}
	k.text(field, value)
}

func (k *checker) text(field, value string) {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		k.add(field, "is %q: write text in UTF-8, without NUL", value)
	}
}

func (k *checker) oneOf(field, value string, values ...string) {
	if value != "" && !slices.Contains(values, value) {
		k.add(field, "is %q: write %s", value, strings.Join(values, " or "))
	}
}

func (k *checker) between(field string, value, highest int64) {
	if value < 0 || value > highest {
		k.add(field, "is %d: write a number from 1 to %d", value, highest)
	}
}

func (k *checker) patterns(field string, patterns []string) {
	for i, pattern := range patterns {
		name := fmt.Sprintf("%s[%d]", field, i)
		k.text(name, pattern)
		if pattern == "" || !doublestar.ValidatePattern(pattern) {
			k.add(name, "is %q: write a pattern of paths in the spool, for example *.dump or wal/**", pattern)
		}
	}
}

func (k *checker) prefix(prefix string) {
	k.text("prefix", prefix)
	if strings.HasPrefix(prefix, "/") || strings.HasSuffix(prefix, "/") {
		k.add("prefix", "is %q: write it without a slash at either end", prefix)
	}
}

func (k *checker) sse(s *SSE) {
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

func (k *checker) objectLock(o *ObjectLock) {
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

func (k *checker) name(field, value string) {
	k.text(field, value)
	if value == "" || strings.Contains(value, "/") {
		k.add(field, "is %q: write the name, without a slash", value)
	}
}

func (k *checker) url(field, value string) {
	if value == "" {
		return
	}
	k.text(field, value)
	if u, err := url.Parse(value); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		k.add(field, "is %q: write a URL with a scheme, for example https://minio.storage.svc:9000", value)
	}
}
