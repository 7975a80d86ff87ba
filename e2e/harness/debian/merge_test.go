package debian

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree packs entries as dpkg-deb --fsys-tarfile does: with ./ before each name. A name that ends in a slash is a directory.
func tree(t *testing.T, entries ...tar.Header) io.Reader {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range entries {
		content := ""
		switch {
		case strings.HasSuffix(h.Name, "/"):
			h.Typeflag = tar.TypeDir
		case h.Typeflag == 0:
			content = "content of " + h.Name + "\n"
			h.Size = int64(len(content))
		}
		if h.Mode == 0 {
			h.Mode = 0o755
		}
		h.Name, h.Uname = "./"+h.Name, "root"
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &buf
}

type entry struct {
	Type     string
	Mode     int64
	UID, GID int
	Link     string
	Content  string
}

func merged(t *testing.T, trees ...io.Reader) map[string]entry {
	t.Helper()
	var buf bytes.Buffer
	m := newMerger(&buf)
	for _, tree := range trees {
		if err := m.add(tree); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.close(); err != nil {
		t.Fatal(err)
	}
	got := map[string]entry{}
	for in := tar.NewReader(&buf); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := got[h.Name]; twice {
			t.Errorf("%s is there twice", h.Name)
		}
		got[h.Name] = entry{string(h.Typeflag), h.Mode, h.Uid, h.Gid, h.Linkname, string(content)}
	}
}

func TestMerge(t *testing.T) {
	got := merged(t,
		tree(t,
			tar.Header{Name: "/"}, tar.Header{Name: "bin/"}, tar.Header{Name: "bin/dash"},
			tar.Header{Name: "bin/sh", Typeflag: tar.TypeSymlink, Linkname: "dash"},
			tar.Header{Name: "bin/again", Typeflag: tar.TypeLink, Linkname: "./bin/dash"},
			tar.Header{Name: "lib/x86_64-linux-gnu/"}, tar.Header{Name: "lib/x86_64-linux-gnu/libc.so.6", Mode: 0o644},
			tar.Header{Name: "var/run/"}, tar.Header{Name: "var/lock/postgresql/", Uid: 26},
			tar.Header{Name: "tmp/", Mode: 0o1777},
		),
		tree(t,
			tar.Header{Name: "usr/"}, tar.Header{Name: "usr/bin/"}, tar.Header{Name: "usr/bin/chage", Mode: 0o2755, Gid: 42},
			tar.Header{Name: "tmp/", Mode: 0o755}, // the first package decides
			tar.Header{Name: "usr/share/doc/"}, tar.Header{Name: "usr/share/doc/dash/copyright"}, tar.Header{Name: "usr/share/docs"},
			tar.Header{Name: "usr/lib/x86_64-linux-gnu/libLLVM-14.so.1"},
			tar.Header{Name: "usr/share/ca-certificates/mozilla/a.crt", Mode: 0o644},
			tar.Header{Name: "usr/share/ca-certificates/mozilla/b.crt", Mode: 0o644},
		),
	)
	const dash = "content of bin/dash\n"
	const a, b = "content of usr/share/ca-certificates/mozilla/a.crt\n", "content of usr/share/ca-certificates/mozilla/b.crt\n"
	want := map[string]entry{
		"usr/bin/dash":                       {"0", 0o755, 0, 0, "", dash},
		"usr/bin/sh":                         {"2", 0o755, 0, 0, "dash", ""},
		"usr/bin/again":                      {"1", 0o755, 0, 0, "usr/bin/dash", ""},
		"usr/lib/x86_64-linux-gnu/":          {"5", 0o755, 0, 0, "", ""},
		"usr/lib/x86_64-linux-gnu/libc.so.6": {"0", 0o644, 0, 0, "", "content of lib/x86_64-linux-gnu/libc.so.6\n"},
		"run/lock/postgresql/":               {"5", 0o755, 26, 0, "", ""},
		"tmp/":                               {"5", 0o1777, 0, 0, "", ""},
		"usr/":                               {"5", 0o755, 0, 0, "", ""},
		"usr/bin/":                           {"5", 0o755, 0, 0, "", ""},
		"usr/bin/chage":                      {"0", 0o2755, 0, 42, "", "content of usr/bin/chage\n"},
		"usr/share/docs":                     {"0", 0o755, 0, 0, "", "content of usr/share/docs\n"},
		"usr/share/ca-certificates/mozilla/a.crt": {"0", 0o644, 0, 0, "", a},
		"usr/share/ca-certificates/mozilla/b.crt": {"0", 0o644, 0, 0, "", b},
		"etc/ssl/certs/ca-certificates.crt":       {"0", 0o644, 0, 0, "", a + b},
		"bin":                                     {"2", 0o777, 0, 0, "usr/bin", ""},
		"lib":                                     {"2", 0o777, 0, 0, "usr/lib", ""},
		"lib64":                                   {"2", 0o777, 0, 0, "usr/lib64", ""},
		"sbin":                                    {"2", 0o777, 0, 0, "usr/sbin", ""},
		"var/lock":                                {"2", 0o777, 0, 0, "/run/lock", ""},
		"var/run":                                 {"2", 0o777, 0, 0, "/run", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMergeRefusesAFileInTwoPackages(t *testing.T) {
	m := newMerger(io.Discard)
	if err := m.add(tree(t, tar.Header{Name: "bin/sh"})); err != nil {
		t.Fatal(err)
	}
	err := m.add(tree(t, tar.Header{Name: "usr/bin/sh"}))
	if err == nil || !strings.Contains(err.Error(), "usr/bin/sh is in two packages") {
		t.Errorf("error is %v", err)
	}
}

func TestPatterns(t *testing.T) {
	for _, pattern := range append([]string{roots}, left...) {
		if _, err := path.Match(pattern, "x"); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}
