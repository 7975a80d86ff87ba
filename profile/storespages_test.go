package profile_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
)

// TestStorePages looks for a page of each auth mode and for none besides, checks the profiles in it, and compares what it
// says of the pod and of the tools with the rules; -update writes that.
func TestStorePages(t *testing.T) {
	dir := filepath.Join("..", "docs", "stores")
	index := string(readPage(t, dir+".md"))
	var want []string
	for _, mode := range profile.AuthModes() {
		name := pageName(mode.Store, mode.Name)
		want = append(want, name)
		if link := "(stores/" + name + ")"; !strings.Contains(index, link) {
			t.Errorf("docs/stores.md has no link %s", link)
		}
		t.Run(name, func(t *testing.T) { checkStorePage(t, filepath.Join(dir, name), mode) })
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !slices.Contains(want, file.Name()) {
			t.Errorf("docs/stores/%s is the page of no auth mode", file.Name())
		}
	}
}

// pageName returns the mode in the style of file names: s3-web-identity.md.
func pageName(store, mode string) string {
	var b strings.Builder
	b.WriteString(store + "-")
	for _, r := range mode {
		if unicode.IsUpper(r) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String() + ".md"
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

func checkStorePage(t *testing.T, file string, mode profile.ModeOfStore) {
	t.Helper()
	page := readPage(t, file)
	var first *profile.Profile
	for _, block := range yamlBlock.FindAllSubmatch(page, -1) {
		parsed, err := profile.Parse(block[1])
		if err != nil {
			t.Fatal(err)
		}
		if problems := profile.Check(parsed.Spec, profile.Cluster{ClusterTrustBundles: true}); len(problems) > 0 {
			t.Errorf("profile %s is not accepted: %v", parsed, problems)
		}
		if !mode.IsSet(parsed.Spec) {
			t.Errorf("profile %s is not one of %s.auth.%s", parsed, mode.Store, mode.Name)
		}
		if first == nil {
			first = parsed
		}
		checkConfigText(t, page, parsed)
	}
	if first == nil {
		t.Fatal("the page has no profile")
	}
	for _, heading := range []string{"## In the cloud", "## The profile", "## What the pod gets", "## Tools", "## When it fails", "## Security"} {
		if !bytes.Contains(page, []byte("\n"+heading+"\n")) {
			t.Errorf("the page has no %q", heading)
		}
	}
	written := replaceBlock(t, page, "pod", podTable(t, first))
	written = replaceBlock(t, written, "tools", mode.Tools())
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(file, written, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(page), string(written)); diff != "" {
		t.Errorf("%s (-want +got), run with -update:\n%s", file, diff)
	}
}

// checkConfigText looks for the AWS configuration file of a profile, which the page shows.
func checkConfigText(t *testing.T, page []byte, of *profile.Profile) {
	t.Helper()
	r := profile.Resolve(of.Spec)
	if file := r.ConfigFile(); file == nil || file.Annotation != profile.AnnotationAWSConfig {
		return
	}
	e, _ := r.Render(profile.Use{Files: profile.Files{Token: injector.MountPath + "/token"}}, profile.Cluster{})
	if text, err := e.ConfigText(); err != nil || !bytes.Contains(page, []byte("```ini\n"+text+"```")) {
		t.Errorf("the page does not show\n%s%v", text, err)
	}
}

func readPage(t *testing.T, file string) []byte {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// replaceBlock puts text between the marks of a page.
func replaceBlock(t *testing.T, page []byte, name, text string) []byte {
	t.Helper()
	begin, end := "<!-- "+name+": written by go test ./profile -update -->\n", "<!-- end of "+name+" -->"
	before, rest, ok := bytes.Cut(page, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("the page lacks the marks around %q", name)
	}
	return slices.Concat(before, []byte(begin+text+end), after)
}

// podTable returns what a pod of one container gets with a profile.
func podTable(t *testing.T, of *profile.Profile) string {
	t.Helper()
	const before = `{"metadata":{"namespace":"payments","annotations":{},"labels":{}},"spec":{"serviceAccountName":"backup","volumes":[],"containers":[{"name":"backup"}]}}`
	parsed, err := injector.ParsePod([]byte(before))
	if err != nil {
		t.Fatal(err)
	}
	result, err := injector.Inject(parsed, of, injector.Settings{
		Image: "lighterman", Cluster: profile.Cluster{ClusterTrustBundles: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	pod := patched(t, before, &result)
	var b strings.Builder
	b.WriteString("| in the pod | value |\n|---|---|\n")
	row := func(what, value string) { fmt.Fprintf(&b, "| %s | %s |\n", what, value) }
	for _, v := range pod.Spec.Containers[0].Env {
		if ref := v.ValueFrom; ref != nil {
			row("`"+v.Name+"`", fmt.Sprintf("key `%s` of Secret `%s`", ref.SecretKeyRef.Key, ref.SecretKeyRef.Name))
		} else {
			row("`"+v.Name+"`", "`"+v.Value+"`")
		}
	}
	for _, v := range pod.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for i := range v.Projected.Sources {
			fileRows(row, &v.Projected.Sources[i])
		}
	}
	for key, value := range pod.Labels {
		row("label `"+key+"`", "`"+value+"`")
	}
	for _, key := range profile.ConfigAnnotations {
		if value, ok := pod.Annotations[key]; ok {
			row("annotation `"+key+"`", "`"+strings.ReplaceAll(strings.TrimSpace(value), "\n", "` <br> `")+"`")
		}
	}
	want, _ := profile.ServiceAccountAnnotations(of.Spec)
	for _, a := range want {
		row("the service account's annotation `"+a.Key+"`", "`"+a.Value+"`")
	}
	for _, warning := range result.Warnings {
		t.Errorf("the page's own profile gives a warning: %s", warning)
	}
	return b.String()
}

// fileRows writes a row for each file of a projected source.
func fileRows(row func(what, value string), source *corev1.VolumeProjection) {
	file := func(name, value string) { row("file `"+path.Join(injector.MountPath, name)+"`", value) }
	switch {
	case source.ServiceAccountToken != nil:
		token := source.ServiceAccountToken
		file(token.Path, fmt.Sprintf("a token of the pod's service account for the audience `%s`, valid %d seconds and renewed", token.Audience, *token.ExpirationSeconds))
	case source.Secret != nil:
		item := source.Secret.Items[0]
		file(item.Path, fmt.Sprintf("key `%s` of Secret `%s`", item.Key, source.Secret.Name))
	case source.ConfigMap != nil:
		item := source.ConfigMap.Items[0]
		file(item.Path, fmt.Sprintf("key `%s` of ConfigMap `%s`", item.Key, source.ConfigMap.Name))
	case source.DownwardAPI != nil:
		item := source.DownwardAPI.Items[0]
		_, key, _ := strings.Cut(item.FieldRef.FieldPath, "['")
		file(item.Path, "the pod's annotation `"+strings.TrimSuffix(key, "']")+"`")
	}
}

func patched(t *testing.T, before string, result *injector.Result) *corev1.Pod {
	t.Helper()
	raw, err := json.Marshal(result.Operations)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := jsonpatch.DecodePatch(raw)
	if err != nil {
		t.Fatal(err)
	}
	after, err := patch.Apply([]byte(before))
	if err != nil {
		t.Fatal(err)
	}
	var pod corev1.Pod
	if err := json.Unmarshal(after, &pod); err != nil {
		t.Fatal(err)
	}
	return &pod
}
