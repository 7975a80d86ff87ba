package injector_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/podtest"
)

// forgedPod has a container that is to get no identity.
const forgedPod = `
metadata: {name: r, namespace: operators-a, annotations: {lighterman.dev/profile: rst}}
spec:
  terminationGracePeriodSeconds: 30
  containers:
  - name: dump
    image: x
    command: [dump]
    env: [{name: PGUSER, value: backup}, {name: PGPASSWORD, value: secret}]
`

// forge gives the pod a record, and changes it.
func forge(t *testing.T, record, added string, change func(pod map[string]any, dump map[string]any)) []byte {
	t.Helper()
	raw, err := yaml.YAMLToJSON([]byte(forgedPod))
	if err != nil {
		t.Fatal(err)
	}
	pod := podtest.Decode(t, raw).(map[string]any)
	annotations := pod["metadata"].(map[string]any)["annotations"].(map[string]any)
	if record != "" {
		annotations[injector.AnnotationInjected] = record
	}
	if added != "" {
		annotations[injector.AnnotationAdded] = added
	}
	if change != nil {
		change(pod, pod["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any))
	}
	return podtest.Marshal(t, pod)
}

func mountOfCredentials(at string) []any {
	return []any{map[string]any{"name": injector.VolumeName, "mountPath": at, "readOnly": true}}
}

func hashOf(value string) string {
	sum := sha256.Sum256([]byte("=" + value))
	return hex.EncodeToString(sum[:4])
}

// TestForgedRecord gives pods annotations that Lighterman never wrote.
func TestForgedRecord(t *testing.T) {
	t.Parallel()
	profile := restoredProfile(t, restoredSpecs["wrap, role"], "operators-a")
	bare := forge(t, "", "", nil)
	result, err := injector.Inject(parse(t, bare), profile, settings)
	if err != nil {
		t.Fatal(err)
	}
	honest := podtest.Apply(t, bare, result.Operations)
	annotations := parse(t, honest).Metadata.Annotations
	record, added := annotations[injector.AnnotationInjected], annotations[injector.AnnotationAdded]
	stale := func(vars map[string]string) string {
		return string(podtest.Marshal(t, injector.Added{Plan: "0", Env: []injector.AddedEnv{{In: []string{"dump"}, Vars: vars}}}))
	}
	credentials := map[string]any{"name": injector.VolumeName, "projected": map[string]any{"sources": []any{
		map[string]any{"serviceAccountToken": map[string]any{"audience": "vault", "path": "token"}},
	}}}

	t.Run("what it names is removed, and nothing else changes", func(t *testing.T) {
		t.Parallel()
		for name, pod := range map[string][]byte{
			"no record at all": forge(t, "no JSON", "no JSON", nil),
			"no container":     forge(t, record, `{"plan":"0","env":[{"in":["x"],"vars":{"PGUSER":"1"}}]}`, nil),
			"another plan":     forge(t, `{"profile":"kube-system/x"}`, stale(map[string]string{"AWS_ROLE_ARN": "00000000"}), nil),
			"mounts of the credentials": forge(t, record, stale(map[string]string{"X": "0"}), func(_, dump map[string]any) {
				dump["volumeMounts"] = mountOfCredentials("/creds")
			}),
			"a volume with another audience": forge(t, record, stale(map[string]string{"X": "0"}), func(pod, dump map[string]any) {
				pod["spec"].(map[string]any)["volumes"] = []any{credentials}
				dump["volumeMounts"] = mountOfCredentials(injector.MountPath)
			}),
			"a sidecar of its own": forge(t, record, stale(map[string]string{"X": "0"}), func(pod, _ map[string]any) {
				pod["spec"].(map[string]any)["initContainers"] = []any{map[string]any{
					"name": injector.UploaderContainerName, "image": "evil", "volumeMounts": mountOfCredentials("/x"),
				}}
			}),
			"a command that is wrapped already": forge(t, record, stale(map[string]string{"X": "0"}), func(_, dump map[string]any) {
				dump["command"] = []any{"/lighterman/uploader", "exec", "--timeout=1s", "--", "/lighterman/uploader", "exec", "--", "dump"}
			}),
			"variables that Lighterman names": forge(t, record, "{}", func(_, dump map[string]any) {
				dump["env"] = append(dump["env"].([]any), map[string]any{"name": "LIGHTERMAN_BUCKET", "value": "other"})
			}),
		} {
			result, err := injector.Inject(parse(t, pod), profile, settings)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if diff := cmp.Diff(compact(podtest.Decode(t, honest)), compact(podtest.Decode(t, podtest.Apply(t, pod, result.Operations)))); diff != "" {
				t.Errorf("%s (-without annotations +with):\n%s", name, diff)
			}
		}
	})
	t.Run("its author loses what it names", func(t *testing.T) {
		t.Parallel()
		pod := forge(t, record, stale(map[string]string{"PGPASSWORD": hashOf("secret")}), nil)
		result, err := injector.Inject(parse(t, pod), profile, settings)
		if err != nil {
			t.Fatal(err)
		}
		if after := podtest.Apply(t, pod, result.Operations); strings.Contains(string(after), "PGPASSWORD") {
			t.Errorf("the variable is still there: %s", after)
		}
	})
	t.Run("today's plan excuses nothing", func(t *testing.T) {
		t.Parallel()
		var honestAdded injector.Added
		if err := json.Unmarshal([]byte(added), &honestAdded); err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(pod, dump map[string]any){
			"mounts of the credentials": func(_, dump map[string]any) { dump["volumeMounts"] = mountOfCredentials(injector.MountPath) },
			"the program, writable": func(_, dump map[string]any) {
				dump["volumeMounts"] = []any{map[string]any{"name": injector.UploaderVolumeName, "mountPath": "/lighterman"}}
			},
			"a volume with another audience": func(pod, _ map[string]any) { pod["spec"].(map[string]any)["volumes"] = []any{credentials} },
			"a sidecar of another configuration": func(pod, _ map[string]any) {
				pod["spec"].(map[string]any)["initContainers"] = []any{map[string]any{"name": injector.UploaderContainerName, "image": "evil"}}
			},
		} {
			pod := forge(t, record, added, change)
			_, err := injector.Inject(parse(t, pod), profile, settings)
			if denied, ok := errors.AsType[*injector.DeniedError](err); !ok || denied.Reason != injector.ReasonCollision {
				t.Errorf("%s: %v; want a denial", name, err)
			}
		}
	})
}
