package image_test

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"lighterman.dev/lighterman/e2e/harness/image"
)

func build(t *testing.T, content string) v1.Image {
	t.Helper()
	dir := t.TempDir() // another one each time: the path and the file's time must not matter
	for _, name := range []string{"a", "b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content+name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	img, err := image.Build(image.Spec{
		Binaries:     map[string]string{"/b": filepath.Join(dir, "b"), "/usr/bin/a": filepath.Join(dir, "a")},
		Files:        []image.File{{Path: "/etc/ssl/certs/ca.crt", Mode: 0o644, Data: []byte("roots")}},
		Entrypoint:   []string{"/b", "run"},
		Architecture: "amd64",
	})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func digest(t *testing.T, img v1.Image) string {
	t.Helper()
	d, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d.String()
}

func TestDigestDependsOnContentOnly(t *testing.T) {
	first := digest(t, build(t, "x"))
	time.Sleep(1100 * time.Millisecond) // past the resolution of times in archives
	if again := digest(t, build(t, "x")); again != first {
		t.Errorf("the same content has digests %s and %s", first, again)
	}
	if other := digest(t, build(t, "y")); other == first {
		t.Error("other content has the same digest")
	}
}

type entry struct {
	Mode    int64
	Content string
}

// contents are the image's files, its layers applied.
func contents(t *testing.T, img v1.Image) map[string]entry {
	t.Helper()
	got := map[string]entry{}
	fs := mutate.Extract(img)
	defer fs.Close()
	for tr := tar.NewReader(fs); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		got[h.Name] = entry{h.Mode, string(data)}
	}
}

func TestContents(t *testing.T) {
	img := build(t, "x")
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" {
		t.Errorf("user is %q", config.Config.User)
	}
	if diff := cmp.Diff([]string{"/b", "run"}, config.Config.Entrypoint); diff != "" {
		t.Error(diff)
	}
	got := contents(t, img)
	want := map[string]entry{
		"b": {0o755, "xb"}, "usr": {0o755, ""}, "usr/bin": {0o755, ""}, "usr/bin/a": {0o755, "xa"},
		"etc": {0o755, ""}, "etc/ssl": {0o755, ""}, "etc/ssl/certs": {0o755, ""}, "etc/ssl/certs/ca.crt": {0o644, "roots"},
		"etc/passwd": {0o644, "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"},
		"etc/group":  {0o644, "root:x:0:\nnonroot:x:65532:\n"},
		"tmp":        {0o1777, ""}, "home": {0o755, ""}, "home/nonroot": {0o700, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLayersLieBelow(t *testing.T) {
	below, err := build(t, "x").Layers()
	if err != nil {
		t.Fatal(err)
	}
	img, err := image.Build(image.Spec{
		Layers:   below,
		Binaries: map[string]string{"/usr/bin/a": writeFile(t, "above")},
		Users:    []image.User{{Name: "postgres", ID: 26, Home: "/var/lib/postgresql", Shell: "/bin/sh"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := image.Save(dir, img); err != nil {
		t.Fatal(err)
	}
	opened, err := image.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := digest(t, opened), digest(t, img); got != want {
		t.Errorf("saved %s, opened %s", want, got)
	}
	config, err := opened.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "26:26" {
		t.Errorf("user is %q", config.Config.User)
	}
	got := contents(t, opened)
	want := map[string]string{
		"b": "xb", "usr/bin/a": "above", "etc/ssl/certs/ca.crt": "roots",
		"etc/passwd": "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n" +
			"postgres:x:26:26:postgres:/var/lib/postgresql:/bin/sh\n",
	}
	for name, content := range want {
		if got[name].Content != content {
			t.Errorf("%s is %q, want %q", name, got[name].Content, content)
		}
	}
}

func TestWrite(t *testing.T) {
	img := build(t, "x")
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := image.Write(file, "localhost/lighterman:dev", img); err != nil {
		t.Fatal(err)
	}
	first := readFile(t, file)
	if err := image.Write(file, "localhost/lighterman:dev", build(t, "x")); err != nil {
		t.Fatal(err)
	}
	if string(first) != string(readFile(t, file)) {
		t.Error("the same image makes two different archives")
	}
	var index v1.IndexManifest
	if err := json.Unmarshal(member(t, file, "index.json"), &index); err != nil {
		t.Fatal(err)
	}
	if len(index.Manifests) != 1 || index.Manifests[0].Digest.String() != digest(t, img) {
		t.Fatalf("index is %+v", index)
	}
	want := map[string]string{"io.containerd.image.name": "localhost/lighterman:dev", "org.opencontainers.image.ref.name": "dev"}
	if diff := cmp.Diff(want, index.Manifests[0].Annotations); diff != "" {
		t.Error(diff)
	}
}

func TestIn(t *testing.T) {
	if got := image.In("r.example.com/team", "localhost/backup:1"); got != "r.example.com/team/backup:1" {
		t.Error(got)
	}
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func readFile(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func member(t *testing.T, file, name string) []byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for tr := tar.NewReader(f); ; {
		h, err := tr.Next()
		if err != nil {
			t.Fatalf("%s in %s: %v", name, file, err)
		}
		if h.Name == name {
			data, err := io.ReadAll(tr)
			if err != nil {
				t.Fatal(err)
			}
			return data
		}
	}
}
