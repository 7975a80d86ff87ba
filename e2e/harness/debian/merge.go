package debian

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
)

// links are directories that packages may still ship and that Debian has elsewhere: the merged /usr, and what base-files moves.
var links = []struct{ from, to, target string }{
	{"bin", "usr/bin", "usr/bin"},
	{"lib", "usr/lib", "usr/lib"},
	{"lib64", "usr/lib64", "usr/lib64"},
	{"sbin", "usr/sbin", "usr/sbin"},
	{"var/lock", "run/lock", "/run/lock"},
	{"var/run", "run", "/run"},
}

// left are paths, in the pattern language of path.Match, that stay out with all below them.
var left = []string{
	"usr/share/doc", "usr/share/i18n", "usr/share/info", "usr/share/lintian", "usr/share/locale", "usr/share/man",
	"usr/lib/python3/dist-packages/azure/ai", "usr/lib/python3/dist-packages/azure/mgmt",
	// PostgreSQL compiles no expression where its module is missing, and so needs no LLVM.
	"usr/lib/*/libLLVM-*", "usr/lib/*/libz3.so*", "usr/lib/postgresql/*/lib/llvmjit*", "usr/lib/postgresql/*/lib/bitcode",
}

const (
	// roots are what update-ca-certificates would join.
	roots     = "usr/share/ca-certificates/mozilla/*.crt"
	rootsFile = "etc/ssl/certs/ca-certificates.crt"
)

// merger joins the file trees of packages into one archive.
type merger struct {
	out   *tar.Writer
	made  map[string]bool
	roots bytes.Buffer
}

func newMerger(w io.Writer) *merger { return &merger{out: tar.NewWriter(w), made: map[string]bool{}} }

// add appends one package's tree.
func (m *merger) add(tree io.Reader) error {
	in := tar.NewReader(tree)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := m.entry(h, in); err != nil {
			return err
		}
	}
}

func (m *merger) entry(h *tar.Header, content io.Reader) error {
	name, isLink := place(h.Name)
	if name == "." || isLink || isLeft(name) {
		return nil
	}
	dir := h.Typeflag == tar.TypeDir
	switch {
	case m.made[name] && dir:
		return nil
	case m.made[name]:
		return fmt.Errorf("%s is in two packages", name)
	}
	m.made[name] = true
	out := tar.Header{
		Typeflag: h.Typeflag, Name: name, Linkname: h.Linkname, Size: h.Size, Mode: h.Mode, Uid: h.Uid, Gid: h.Gid,
		ModTime: h.ModTime, Format: tar.FormatPAX,
	}
	if dir {
		out.Name += "/"
	}
	if h.Typeflag == tar.TypeLink {
		out.Linkname, _ = place(h.Linkname)
	}
	if match(roots, name) {
		content = io.TeeReader(content, &m.roots)
	}
	if err := m.out.WriteHeader(&out); err != nil {
		return err
	}
	_, err := io.Copy(m.out, content)
	return err
}

// close adds what the maintainers' scripts would have made, and ends the archive.
func (m *merger) close() error {
	for _, l := range links {
		h := &tar.Header{Typeflag: tar.TypeSymlink, Name: l.from, Linkname: l.target, Mode: 0o777, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
		if err := m.out.WriteHeader(h); err != nil {
			return err
		}
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: rootsFile, Size: int64(m.roots.Len()), Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}
	if err := m.out.WriteHeader(h); err != nil {
		return err
	}
	if _, err := m.roots.WriteTo(m.out); err != nil {
		return err
	}
	return m.out.Close()
}

// place returns where a package's path is in the image, without a slash before it, and whether a link stands there.
func place(name string) (placed string, isLink bool) {
	name = path.Clean(strings.TrimPrefix(name, "/"))
	for _, l := range links {
		if name == l.from {
			return name, true
		}
		if rest, ok := strings.CutPrefix(name, l.from+"/"); ok {
			return l.to + "/" + rest, false
		}
	}
	return name, false
}

func isLeft(name string) bool {
	return slices.ContainsFunc(left, func(pattern string) bool {
		for at := name; at != "."; at = path.Dir(at) {
			if match(pattern, at) {
				return true
			}
		}
		return false
	})
}

// match is path.Match for patterns that are right; a test tries them all.
func match(pattern, name string) bool {
	ok, _ := path.Match(pattern, name)
	return ok
}
