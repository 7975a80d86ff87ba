package webhook

import (
	"os"
	"path/filepath"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakecluster"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// TestGoldenCases runs the injector's cases through the handler: the patch on the wire makes the same pod.
func TestGoldenCases(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "injector", "testdata")
	cases, err := filepath.Glob(filepath.Join(root, "*", "want.yaml"))
	if err != nil || len(cases) == 0 {
		t.Fatal(err, len(cases))
	}
	for _, path := range cases {
		dir := filepath.Dir(path)
		if _, err := os.Stat(filepath.Join(dir, "first.yaml")); err == nil {
			continue // A second pass: see TestProfileEditedBetweenTwoPasses.
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			read := func(name string) []byte {
				text, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				return text
			}
			p, err := profile.Parse(read("profile.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			p.Spec.Selector = &v1alpha1.PodSelector{PodSelector: &metav1.LabelSelector{}}
			store := &fakecluster.Source{
				Profiles:   []resolve.ScopedProfile{{Profile: p, AllowedNamespaces: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}}},
				Namespaces: map[string]map[string]string{"payments": {"a": "b"}},
			}
			h, _ := newHandler(t, store, store)
			h.Settings = injector.Settings{
				Version: "v0.0.0-test", Image: "lighterman:test", UploaderImage: "uploader:test", Cluster: profile.Cluster{ClusterTrustBundles: true},
			}
			raw, err := yaml.YAMLToJSON(read("pod.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			r := responseOf(t, post(h, reviewOf(string(raw))))
			if !r.Allowed {
				t.Fatal(r.Result.Message)
			}
			if r.Patch == nil { // A second pass that finds everything there.
				r.Patch = []byte("[]")
			}
			patch, err := jsonpatch.DecodePatch(r.Patch)
			if err != nil {
				t.Fatal(err)
			}
			patched, err := patch.Apply(raw)
			if err != nil {
				t.Fatal(err)
			}
			text, err := yaml.JSONToYAML(podtest.WithoutAdded(t, patched))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(read("want.yaml")), string(text)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
