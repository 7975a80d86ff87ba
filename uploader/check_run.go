package uploader

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkSource finds the problems of what is uploaded: the files of the spool, or the standard output of containers.
func (k *checker) checkSource(c *Config) {
	stdout := k.checkContainers(c)
	switch {
	case !stdout:
		k.checkDirectory("spool", c.Spool, "/backup")
	case c.Spool != "":
		k.addProblem("spool", "is %q, and the standard output of a container is the backup: leave one of them out", c.Spool)
	}
}

// checkContainers finds the problems of the wrapped containers. It reports whether the standard output of one is the backup.
func (k *checker) checkContainers(c *Config) (stdout bool) {
	if len(c.Containers) > 0 && c.Completion == Drain {
		k.addProblem("completion", "is %q, and containers are wrapped: write %s", c.Completion, Wrap)
	}
	fields, paths := map[string]string{}, map[string]string{}
	for i, container := range c.Containers {
		field := fmt.Sprintf("containers[%d].name", i)
		if !IsContainerName(container.Name) {
			k.addProblem(field, "is %q: write the name of a container of the pod", container.Name)
		}
		k.checkOnce(fields, field, container.Name)
		if container.Stdout == "" {
			continue
		}
		stdout, field = true, fmt.Sprintf("containers[%d].stdout", i)
		if why := StdoutProblem(container.Stdout); why != "" {
			k.addProblem(field, "%s", why)
		}
		k.checkOnce(paths, field, container.Stdout)
	}
	return stdout
}

// checkOnce finds a value that another field has too.
func (k *checker) checkOnce(seen map[string]string, field, value string) {
	if first, taken := seen[value]; taken {
		k.addProblem(field, "is %q, as %s is: write another", value, first)
		return
	}
	seen[value] = field
}

// maxStdout is the length of the longest path of a standard output: that of a name in a file system of Linux.
const maxStdout = 255

// StdoutProblem returns what is wrong with the path under which a standard output is uploaded, and what to write instead;
// empty: nothing.
func StdoutProblem(value string) string {
	switch first, _, _ := strings.Cut(value, "/"); {
	case value == "" || path.IsAbs(value) || path.Clean(value) != value || first == ".." || value == ".":
		return fmt.Sprintf("is %q: write the name of a file, for example orders.dump", value)
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return fmt.Sprintf("is %q: write text in UTF-8, without control characters", value)
	case len(value) > maxStdout:
		return fmt.Sprintf("has %d bytes: write at most %d", len(value), maxStdout)
	case first == Reserved:
		return fmt.Sprintf("is %q: the uploader keeps %s for itself: write another name", value, Reserved)
	}
	return ""
}

var (
	// isLabel is Kubernetes' format for the name of a container.
	isLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	// isSeries is the format for the name of a series.
	isSeries = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$`)
)

// IsContainerName reports whether a value can name a container of a pod.
func IsContainerName(value string) bool { return isLabel.MatchString(value) }

// SeriesFormat is how to write the name of a series, for messages.
const SeriesFormat = "write at most 63 lower-case letters, digits, dashes and single dots, with a letter or a digit at either end"

// IsSeries reports whether a value can name a series: it is a part of keys, and of labels of metrics.
func IsSeries(value string) bool {
	return isSeries.MatchString(value) && !strings.Contains(value, "..")
}

// SeriesName returns the name of the series of a workload or a pod: that of the owner, or, where that cannot name a series, its
// beginning and a hash of the whole, so that different owners have different series.
func SeriesName(owner string) string {
	if owner == "" || IsSeries(owner) {
		return owner
	}
	begin := strings.Map(func(r rune) rune {
		if r == '-' || (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, strings.ToLower(owner))
	hash := sha256.Sum256([]byte(owner))
	return strings.TrimLeft(begin[:min(len(begin), 50)]+"-"+hex.EncodeToString(hash[:6]), "-")
}

func (k *checker) checkSeries(series string) {
	if series != "" && series != PodPlaceholder && !IsSeries(series) {
		k.addProblem("series", "is %q: %s", series, SeriesFormat)
	}
}

func (k *checker) checkExpect(e *Expect) {
	if e == nil {
		return
	}
	if e.MinFiles != nil && *e.MinFiles < 0 {
		k.addProblem("expect.minFiles", "is %d: write the least number of files, 0 for none", *e.MinFiles)
	}
	if e.MinBytes < 0 {
		k.addProblem("expect.minBytes", "is %d: write the least number of bytes, 0 for none", e.MinBytes)
	}
	if e.MaxShrinkPercent < 0 || e.MaxShrinkPercent > 100 {
		k.addProblem("expect.maxShrinkPercent", "is %d: write a number from 1 to 100, or leave it out", e.MaxShrinkPercent)
	}
}
