package podtest

import (
	"bytes"
	"encoding/json"
	"testing"

	evanphx "github.com/evanphx/json-patch/v5"
	"gomodules.xyz/jsonpatch/v2"

	"lighterman.dev/lighterman/injector"
)

// Apply returns the pod as the operations leave it.
func Apply(tb testing.TB, pod []byte, operations []jsonpatch.Operation) []byte {
	tb.Helper()
	if len(operations) == 0 {
		return pod
	}
	patch, err := evanphx.DecodePatch(Marshal(tb, operations))
	if err != nil {
		tb.Fatal(err)
	}
	patched, err := patch.Apply(pod)
	if err != nil {
		tb.Fatalf("the patch does not apply: %v", err)
	}
	return patched
}

// Marshal writes a value as JSON.
func Marshal(tb testing.TB, value any) []byte {
	tb.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// Decode reads any JSON. Numbers are kept as they are written.
func Decode(tb testing.TB, data []byte) any {
	tb.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		tb.Fatal(err)
	}
	return value
}

// WithoutAdded returns the pod without the hashes of what was added to it, for comparison with a file: they change with every
// line that is added.
func WithoutAdded(tb testing.TB, pod []byte) []byte {
	tb.Helper()
	decoded, _ := Decode(tb, pod).(map[string]any)
	metadata, _ := decoded["metadata"].(map[string]any)
	annotations, _ := metadata["annotations"].(map[string]any)
	if _, there := annotations[injector.AnnotationAdded]; !there {
		tb.Errorf("the pod has no annotation %s", injector.AnnotationAdded)
	}
	delete(annotations, injector.AnnotationAdded)
	return Marshal(tb, decoded)
}
