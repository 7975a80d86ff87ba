package injector

import (
	"encoding/json"
	"strings"
	"testing"

	"gomodules.xyz/jsonpatch/v2"

	"lighterman.dev/lighterman/profile"
)

func FuzzJSONSize(f *testing.F) {
	f.Add("a\"\\<>&\n\x00\xff日本\u2028")
	f.Fuzz(func(t *testing.T, text string) {
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := jsonSize(text) + 2; got < len(encoded) || got > 6*len(text)+2 {
			t.Errorf("%q: %d, encoded %d", text, got, len(encoded))
		}
	})
}

// TestMeasuredSizeBoundsThePatch compares what was measured with what is written.
func TestMeasuredSizeBoundsThePatch(t *testing.T) {
	t.Parallel()
	for name, container := range map[string]string{
		"with empty variables": `{"name":"dump","command":["x"],"env":[{"name":"AWS_ACCESS_KEY_ID","value":""},{"name":"AWS_REGION","value":""},{"name":"X","value":""}]}`,
		"without variables":    `{"name":"dump","command":["sh","-c","<&>"]}`,
		"with variables":       `{"name":"dump","command":["x"],"env":[{"name":"A","value":"b"}],"volumeMounts":[{"name":"a","mountPath":"/a"}]}`,
		"that refer":           `{"name":"dump","command":["x"],"env":[{"name":"AWS_REGION","value":"b"}]}`,
	} {
		profile, err := profile.Parse([]byte(`
apiVersion: lighterman.dev/v1alpha1
kind: CredentialProfile
metadata: {name: pg, namespace: payments}
spec:
  tools: [restic, rclone, barman]
  s3:
    bucket: pg-backups
    region: eu-west-1
    auth: {accessKey: {accessKeyID: {name: a-secret, key: id}, secretAccessKey: {name: a-secret, key: key}}}
  caBundle: {configMap: {name: ca}, mode: Append}
  env: [{name: X, value: "$(AWS_REGION)<&>\"\\"}, {name: Y, value: "ä日"}]
  uploader: {path: /backup, completion: Wrap}
`))
		if err != nil {
			t.Fatal(err)
		}
		pod, err := ParsePod([]byte(`{"spec":{"containers":[` + strings.Repeat(container+",", 19) + container + `]}}`))
		if err != nil {
			t.Fatal(err)
		}
		result, err := Inject(pod, profile, Settings{Image: "x", UploaderImage: "x"})
		if err != nil {
			t.Fatal(err)
		}
		written := encodedSize(t, result.Operations)
		if result.Size < written || result.Size > 2*written {
			t.Errorf("%s: measured %d, written %d", name, result.Size, written)
		}
	}
}

func encodedSize(t *testing.T, operations []jsonpatch.Operation) int {
	t.Helper()
	size := 0
	for i := range operations {
		if !strings.HasPrefix(operations[i].Path, "/spec/containers/") {
			continue // What is once in the pod is not measured.
		}
		text, err := json.Marshal(operations[i])
		if err != nil {
			t.Fatal(err)
		}
		size += len(text) + 1
	}
	return size
}
