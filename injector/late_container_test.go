package injector_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
)

// TestContainerThatCameLater has another webhook add a container between two passes: the sidecar waits for it, too, unless the
// standard output of another container is the backup.
func TestContainerThatCameLater(t *testing.T) {
	for name, want := range map[string][]uploader.Container{
		"upload-job-wraps-by-default": {{Name: "dump"}, {Name: "late"}},
		"upload-stdout":               {{Name: "dump", Stdout: "orders.dump"}},
	} {
		t.Run(name, func(t *testing.T) {
			second := lateContainer(t, filepath.Join("testdata", name))
			for _, c := range second.Spec.InitContainers {
				if diff := cmp.Diff(want, configOf(t, &c).Containers); diff != "" {
					t.Errorf("%s (-want +got):\n%s", c.Name, diff)
				}
			}
			late := second.Spec.Containers[1]
			if wraps := len(late.Command) > 1 && late.Command[1] == "exec"; wraps != (len(want) == 2) {
				t.Errorf("the command of the late container is %q", late.Command)
			}
		})
	}
}

// lateContainer returns the pod of a golden case after two passes, with a container that came between them. A third pass must have
// nothing to do.
func lateContainer(t *testing.T, dir string) *injector.Pod {
	t.Helper()
	raw, err := yaml.YAMLToJSON(read(t, dir, "pod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	prof, err := profile.Parse(read(t, dir, "profile.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	pass := func(raw []byte) (patched []byte, operations int) {
		t.Helper()
		result, err := injector.Inject(parse(t, raw), prof, settings)
		if err != nil {
			t.Fatal(err)
		}
		return podtest.Apply(t, raw, result.Operations), len(result.Operations)
	}
	first, _ := pass(raw)
	pod := podtest.Decode(t, first).(map[string]any)
	spec := pod["spec"].(map[string]any)
	spec["containers"] = append(spec["containers"].([]any), map[string]any{"name": "late", "image": "late:1", "command": []any{"late"}})
	second, _ := pass(podtest.Marshal(t, pod))
	if _, operations := pass(second); operations != 0 {
		t.Errorf("a third pass has %d operations", operations)
	}
	return parse(t, second)
}

// configOf returns the configuration of one of the uploader's containers.
func configOf(t *testing.T, c *injector.Container) *uploader.Config {
	t.Helper()
	for _, e := range c.Env {
		if e.Name == uploader.EnvConfig {
			config, err := uploader.ParseConfig(strings.ReplaceAll(e.Value, "$$", "$"))
			if err != nil {
				t.Fatal(err)
			}
			return config
		}
	}
	t.Fatalf("container %s has no configuration", c.Name)
	return nil
}
