package injector

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
)

// TestStorePages looks for a page of each auth mode and for none besides, checks the profiles in it, and compares what it
// says of the pod and of the tools with the rules; -update writes that.
func TestStorePages(t *testing.T) {
	dir := filepath.Join("..", "docs", "stores")
	index := string(readPage(t, dir+".md"))
	var want []string
	for i := range stores {
		for j := range stores[i].modes {
			s, m := &stores[i], &stores[i].modes[j]
			name := pageName(s, m)
			want = append(want, name)
			if link := "(stores/" + name + ")"; !strings.Contains(index, link) {
				t.Errorf("docs/stores.md has no link %s", link)
			}
			t.Run(name, func(t *testing.T) { checkStorePage(t, filepath.Join(dir, name), s, m) })
		}
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

// pageName is the mode in the style of file names: s3-web-identity.md.
func pageName(s *store, m *mode) string {
	var b strings.Builder
	b.WriteString(s.name + "-")
	for _, r := range m.name {
		if unicode.IsUpper(r) {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String() + ".md"
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

func checkStorePage(t *testing.T, file string, s *store, m *mode) {
	t.Helper()
	page := readPage(t, file)
	var first *Profile
	for _, block := range yamlBlock.FindAllSubmatch(page, -1) {
		profile, err := ParseProfile(block[1])
		if err != nil {
			t.Fatal(err)
		}
		if problems := Check(profile.Spec, Settings{Image: "lighterman", ClusterTrustBundles: true}); len(problems) > 0 {
			t.Errorf("profile %s is not accepted: %v", profile, problems)
		}
		if !s.set(profile.Spec) || !m.set(profile.Spec) {
			t.Errorf("profile %s is not one of %s.auth.%s", profile, s.name, m.name)
		}
		if first == nil {
			first = profile
		}
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
	written = replaceBlock(t, written, "tools", toolsOfMode(s, m))
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
	begin, end := "<!-- "+name+": written by go test ./injector -update -->\n", "<!-- end of "+name+" -->"
	before, rest, ok := bytes.Cut(page, []byte(begin))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("the page lacks the marks around %q", name)
	}
	return slices.Concat(before, []byte(begin+text+end), after)
}

// podTable says what a pod of one container gets with a profile.
func podTable(t *testing.T, profile *Profile) string {
	t.Helper()
	const before = `{"metadata":{"namespace":"payments","annotations":{},"labels":{}},"spec":{"serviceAccountName":"backup","volumes":[],"containers":[{"name":"backup"}]}}`
	parsed, err := ParsePod([]byte(before))
	if err != nil {
		t.Fatal(err)
	}
	result, err := Inject(parsed, profile, Settings{Image: "lighterman", ClusterTrustBundles: true})
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
	if value, ok := pod.Annotations[AnnotationGCPCredentials]; ok {
		row("annotation `"+AnnotationGCPCredentials+"`", "`"+value+"`")
	}
	want, _ := ServiceAccountAnnotations(profile.Spec)
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
	file := func(name, value string) { row("file `"+path.Join(MountPath, name)+"`", value) }
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
		file(source.DownwardAPI.Items[0].Path, "the pod's annotation `"+AnnotationGCPCredentials+"`")
	}
}

func patched(t *testing.T, before string, result *Result) *corev1.Pod {
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

// toolsOfMode says which tools can use an auth mode.
func toolsOfMode(s *store, m *mode) string {
	var can, cannot []string
	for _, d := range dialects {
		link := fmt.Sprintf("[%[1]s](../tools.md#%[1]s)", d.name)
		switch cell := d.of(s).modes[m.name]; {
		case cell.no != "":
			cannot = append(cannot, link)
		case cell.note != "":
			can = append(can, link+" ("+escape(cell.note)+")")
		default:
			can = append(can, link)
		}
	}
	text := "Of the tools with variables of their own, these can use it: " + strings.Join(can, ", ") + ".\n"
	if len(cannot) > 0 {
		text += "\nNot: " + strings.Join(cannot, ", ") + ". The links say why, and what to use instead.\n"
	}
	return text
}
