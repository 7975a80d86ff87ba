package uploader_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"lighterman.dev/lighterman/uploader"
)

var pod = uploader.Pod{Namespace: "payments", Name: "pg-backup-x7", UID: "6f1c"}

func TestKeys(t *testing.T) {
	for template, want := range map[string]string{
		"{namespace}/{pod}/{path}":   "store/payments/pg-backup-x7/wal/0001",
		"{path}":                     "store/wal/0001",
		"{uid}/dumps-{path}.bak":     "store/6f1c/dumps-wal/0001.bak",
		"a/{namespace}.{pod}.{path}": "store/a/payments.pg-backup-x7.wal/0001",
	} {
		parsed, err := uploader.ParseTemplate(template)
		if err != nil {
			t.Fatalf("%s: %v", template, err)
		}
		keys := parsed.Keys("store", pod)
		if got, err := keys.Of("wal/0001"); err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", template, got, err, want)
		}
		if !strings.HasPrefix(want, keys.Prefix()) {
			t.Errorf("%s: the prefix %q is not that of %q", template, keys.Prefix(), want)
		}
	}
}

// TestPodInPrefix fills in the name of a pod that had none yet when its uploader was configured.
func TestPodInPrefix(t *testing.T) {
	template, err := uploader.ParseTemplate("{path}")
	if err != nil {
		t.Fatal(err)
	}
	keys := template.Keys("store/{pod}", pod)
	if got, err := keys.Of("wal/0001"); err != nil || got != "store/pg-backup-x7/wal/0001" {
		t.Errorf("got %q, %v", got, err)
	}
	if got, want := keys.Manifest(pod.UID), "store/pg-backup-x7/.lighterman/6f1c/manifest.json"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOwnKeysLieBesideTheFiles(t *testing.T) {
	template, err := uploader.ParseTemplate(uploader.DefaultKey)
	if err != nil {
		t.Fatal(err)
	}
	keys := template.Keys("", pod)
	if got, want := keys.Manifest(pod.UID), "payments/pg-backup-x7/.lighterman/6f1c/manifest.json"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := keys.Probe(pod.UID), "payments/pg-backup-x7/.lighterman/6f1c/probe"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestParseTemplateRefuses(t *testing.T) {
	for template, want := range map[string]string{
		"":                "0 times",
		"{pod}":           "0 times",
		"{path}{path}":    "2 times",
		"{Path}":          "does not exist",
		"{path":           "does not exist",
		"{path}/{node}":   "does not exist",
		"path}/{path}":    "closes nothing",
		"/{path}":         "without a slash at either end",
		"{path}/":         "without a slash at either end",
		"a//{path}":       "two in a row",
		"a\x00{path}":     "control characters",
		"a\xff{path}":     "UTF-8",
		"{{path}}/{path}": "does not exist",
	} {
		if _, err := uploader.ParseTemplate(template); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", template, err, want)
		}
	}
}

func TestOfPod(t *testing.T) {
	for template, want := range map[string]bool{
		"{namespace}/{pod}/{path}": true, "{uid}/{path}": true, "x/{uid}/y/{path}": true,
		"{path}": false, "{pod}/{path}": false, "{namespace}/{path}": false, "{path}/{uid}": false, "{uid}{path}": false,
		"{namespace}/{pod}-{path}": false,
	} {
		parsed, err := uploader.ParseTemplate(template)
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed.IsPerPod(); got != want {
			t.Errorf("%s: got %v", template, got)
		}
	}
}

func TestEscape(t *testing.T) {
	for path, want := range map[string]string{
		"wal/0001":      "wal/0001",
		"ünï/日本 +&?#.x": "ünï/日本 +&?#.x",
		"100%":          "100%25",
		"a\\b":          "a%5Cb",
		"a\nb\x7f":      "a%0Ab%7F",
		"\xff\xc3":      "%FF%C3",
		"\uFFFD":        "\uFFFD",
		"\uFFFE":        "%EF%BF%BE",
		"end./x.":       "end%2E/x%2E",
		"a..b/.c":       "a..b/.c",
		"...":           "..%2E",
		"\u0085":        "%C2%85",
	} {
		if got := uploader.Escape(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

func TestKeyTooLong(t *testing.T) {
	template, _ := uploader.ParseTemplate("{path}")
	keys := template.Keys("", pod)
	if _, err := keys.Of(strings.Repeat("x", uploader.MaxKey)); err != nil {
		t.Error(err)
	}
	if _, err := keys.Of(strings.Repeat("%", uploader.MaxKey/2)); !errors.Is(err, uploader.ErrKeyTooLong) {
		t.Errorf("got %v", err)
	}
}

// Different paths have different keys, and every key is text that stores take.
func FuzzEscape(f *testing.F) {
	f.Add("a", "a%2E")
	f.Add("a.", "a%2E")
	f.Add("\xff", "\uFFFD")
	f.Add("x./y", "x%2E/y")
	f.Fuzz(func(t *testing.T, a, b string) {
		one, other := uploader.Escape(a), uploader.Escape(b)
		if (a == b) != (one == other) {
			t.Errorf("%q and %q become %q and %q", a, b, one, other)
		}
		if !utf8.ValidString(one) || strings.ContainsFunc(one, unicode.IsControl) || strings.HasSuffix(one, ".") ||
			strings.Contains(one, "./") || strings.ContainsAny(one, "\\\uFFFE\uFFFF") {
			t.Errorf("%q becomes %q", a, one)
		}
	})
}

func FuzzParseTemplate(f *testing.F) {
	f.Add("{namespace}/{pod}/{path}")
	f.Add("{{uid}}-{path}")
	f.Fuzz(func(t *testing.T, text string) {
		template, err := uploader.ParseTemplate(text)
		if err != nil {
			return
		}
		keys := template.Keys("", pod)
		one, err := keys.Of("a")
		if err != nil {
			return
		}
		other, err := keys.Of("b")
		if err == nil && (one == other || !utf8.ValidString(one) || strings.HasPrefix(one, "/")) {
			t.Errorf("%q gives %q and %q", text, one, other)
		}
	})
}

func TestMatches(t *testing.T) {
	c := uploader.Config{Include: []string{"*.dump", "wal/**"}, Exclude: []string{"*.bak", "wal/old/**"}}
	for path, want := range map[string]bool{
		"a.dump": true, "sub/a.dump": true, "a.txt": false, "wal/1": true, "wal/x/2": true, "wal/old/3": false,
		"wal/3.bak": false, "x/wal/1": false, ".lighterman/a.dump": false, ".lighterman": false, "wal/.lighterman": true,
	} {
		if got := c.Matches(path); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
	for dir, want := range map[string]bool{
		"sub": true, "wal": true, "wal/old": false, "lost+found": false, "sub/lost+found": true, ".lighterman": false,
		"x.bak": false, "x/y.bak": false,
	} {
		if got := c.Enters(dir); got != want {
			t.Errorf("directory %s: got %v", dir, got)
		}
		if c.Matches(dir+"/a.dump") && !want {
			t.Errorf("%s/a.dump is uploaded", dir)
		}
	}
	all := uploader.Config{Include: []string{"**"}}
	for _, path := range []string{"a", "a/b", ".hidden", "\xff\n", "a/.b/c"} {
		if !all.Matches(path) {
			t.Errorf("** does not match %q", path)
		}
	}
}

func TestTemporary(t *testing.T) {
	for path, want := range map[string]bool{
		"a": false, "a.tmp": true, "x.partial": true, ".a.XYZ": true, "a/.b/c": true, "a.b": false, "file~": true,
		"tmp/a": false,
	} {
		if got := uploader.IsTemporary(path); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
}
