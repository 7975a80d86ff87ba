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

func (k *checker) addProblem(field, format string, args ...any) {
	k.problems = append(k.problems, Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

// Check returns every problem of a Config.
func (c *Config) Check() []Problem {
	problems := c.CheckSettings()
	set := c.configuredLocations()
	for _, where := range set {
		problems = append(problems, where.Check()...)
	}
	if len(set) != 1 {
		problems = append(problems, notOneStore(len(set)))
	}
	return problems
}

func notOneStore(n int) Problem {
	return Problem{
		Field: strings.Join(StoreNames(), ", "), Message: fmt.Sprintf("%d of them are set: write exactly one", n),
	}
}

// CheckSettings returns the problems of a Config apart from its location.
func (c *Config) CheckSettings() []Problem {
	var k checker
	k.checkDirectory("spool", c.Spool, "/backup")
	if c.Directory != "" {
		k.checkDirectory("directory", c.Directory, DefaultDirectory)
	}
	k.checkOneOf("upload", string(c.Upload), string(OnClose), string(Stream))
	k.checkOneOf("completion", string(c.Completion), string(Drain), string(Wrap))
	k.checkOneOf("afterUpload", string(c.AfterUpload), string(Keep), string(Delete))
	k.checkPatterns("include", c.Include)
	k.checkPatterns("exclude", c.Exclude)
	k.checkPrefix(c.Prefix)
	if c.Key != "" {
		if _, err := ParseTemplate(c.Key); err != nil {
			k.addProblem("key", "%v", err)
		}
	}
	k.checkRange("drainTimeoutSeconds", c.DrainTimeoutSeconds, 604800)
	k.checkRange("partSizeMiB", c.PartSizeMiB, 5120)
	k.checkRange("concurrency", int64(c.Concurrency), 64)
	if c.BandwidthLimit < 0 {
		k.addProblem("bandwidthLimit", "is %d: write the bytes per second, or leave it out for no limit", c.BandwidthLimit)
	}
	k.checkSSE(c.SSE)
	k.checkObjectLock(c.ObjectLock)
	k.checkText("profile", c.Profile)
	k.checkText("storageClass", c.StorageClass)
	for _, name := range slices.Sorted(maps.Keys(c.Tags)) {
		k.checkText("tags", name)
		k.checkText("tags."+name, c.Tags[name])
	}
	k.checkFile("caFile", c.CAFile)
	return k.problems
}

func (k *checker) checkDirectory(field, value, example string) {
	if !path.IsAbs(value) || path.Clean(value) != value || value == "/" {
		k.addProblem(field, "is %q: write an absolute path other than /, for example %s", value, example)
	}
	k.checkText(field, value)
}

func (k *checker) checkFile(field, value string) {
	if value != "" && !path.IsAbs(value) {
		k.addProblem(field, "is %q: write an absolute path", value)
	}
	k.checkText(field, value)
}

func (k *checker) checkText(field, value string) {
	if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		k.addProblem(field, "is %q: write text in UTF-8, without NUL", value)
	}
}

func (k *checker) checkOneOf(field, value string, values ...string) {
	if value != "" && !slices.Contains(values, value) {
		k.addProblem(field, "is %q: write %s", value, strings.Join(values, " or "))
	}
}

func (k *checker) checkRange(field string, value, highest int64) {
	if value < 0 || value > highest {
		k.addProblem(field, "is %d: write a number from 1 to %d", value, highest)
	}
}

func (k *checker) checkPatterns(field string, patterns []string) {
	for i, pattern := range patterns {
		name := fmt.Sprintf("%s[%d]", field, i)
		k.checkText(name, pattern)
		if pattern == "" || !doublestar.ValidatePattern(pattern) {
			k.addProblem(name, "is %q: write a pattern of paths in the spool, for example *.dump or wal/**", pattern)
		}
	}
}

func (k *checker) checkPrefix(prefix string) {
	k.checkText("prefix", prefix)
	if strings.HasPrefix(prefix, "/") || strings.HasSuffix(prefix, "/") {
		k.addProblem("prefix", "is %q: write it without a slash at either end", prefix)
	}
}

func (k *checker) checkSSE(s *SSE) {
	if s == nil {
		return
	}
	k.checkText("sse.kmsKeyID", s.KMSKeyID)
	switch {
	case s.Algorithm != "AES256" && s.Algorithm != "KMS":
		k.addProblem("sse.algorithm", "is %q: write AES256 or KMS", s.Algorithm)
	case s.Algorithm == "AES256" && s.KMSKeyID != "":
		k.addProblem("sse.kmsKeyID", "names a key of the KMS: set sse.algorithm to KMS, or remove the key")
	}
}

func (k *checker) checkObjectLock(o *ObjectLock) {
	if o == nil {
		return
	}
	if o.Mode != "Governance" && o.Mode != "Compliance" {
		k.addProblem("objectLock.mode", "is %q: write Governance or Compliance", o.Mode)
	}
	if o.Days < 1 || o.Days > 36500 {
		k.addProblem("objectLock.days", "is %d: write a number from 1 to 36500", o.Days)
	}
}

func (k *checker) checkName(field, value string) {
	k.checkText(field, value)
	if value == "" || strings.Contains(value, "/") {
		k.addProblem(field, "is %q: write the name, without a slash", value)
	}
}

func (k *checker) checkURL(field, value string) {
	if value == "" {
		return
	}
	k.checkText(field, value)
	if u, err := url.Parse(value); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		k.addProblem(field, "is %q: write a URL with a scheme, for example https://minio.storage.svc:9000", value)
	}
}
