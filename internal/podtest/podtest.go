package podtest

import (
	"bytes"
	"encoding/json"
	"testing"

	evanphx "github.com/evanphx/json-patch/v5"
	"gomodules.xyz/jsonpatch/v2"
)

// Apply gives the pod as the operations leave it.
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
