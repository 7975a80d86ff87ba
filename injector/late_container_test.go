package injector_test

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
)

// TestContainerThatCameLater has another webhook add a container between two passes: the sidecar waits for it, too.
func TestContainerThatCameLater(t *testing.T) {
	raw, err := yaml.YAMLToJSON(read(t, "testdata/upload-job-wraps-by-default", "pod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	prof, err := profile.Parse(read(t, "testdata/upload-job-wraps-by-default", "profile.yaml"))
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
	after := parse(t, second)
	for _, c := range after.Spec.InitContainers {
		for _, e := range c.Env {
			if e.Name != uploader.EnvConfig {
				continue
			}
			config, err := uploader.ParseConfig(strings.ReplaceAll(e.Value, "$$", "$"))
			if err != nil {
				t.Fatal(err)
			}
			if len(config.Containers) != 2 || config.Containers[0].Name != "dump" || config.Containers[1].Name != "late" {
				t.Errorf("%s waits for %+v", c.Name, config.Containers)
			}
		}
	}
	if late := after.Spec.Containers[1]; len(late.Command) < 2 || late.Command[1] != "exec" {
		t.Errorf("the command is %q", late.Command)
	}
	if _, operations := pass(second); operations != 0 {
		t.Errorf("a third pass has %d operations", operations)
	}
}
