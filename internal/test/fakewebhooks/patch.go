package fakewebhooks

import (
	"encoding/json"
	"fmt"

	evanphx "github.com/evanphx/json-patch/v5"
	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
)

// Webhook changes pods.
type Webhook interface {
	// Mutate changes the pod as the webhook's patch would.
	Mutate(pod *corev1.Pod)
}

// Patch returns the JSON patch with which the webhook answers a review of the pod: the difference between the pod as it came
// and as it would be. Fields that the types here do not know are kept.
func Patch(w Webhook, raw []byte) ([]byte, error) {
	var pod corev1.Pod
	if err := json.Unmarshal(raw, &pod); err != nil {
		return nil, fmt.Errorf("read pod: %w", err)
	}
	before, err := json.Marshal(&pod)
	if err != nil {
		return nil, fmt.Errorf("write pod: %w", err)
	}
	w.Mutate(&pod)
	after, err := json.Marshal(&pod)
	if err != nil {
		return nil, fmt.Errorf("write changed pod: %w", err)
	}
	ops, err := jsonpatch.CreatePatch(before, after)
	if err != nil {
		return nil, fmt.Errorf("compare pods: %w", err)
	}
	return json.Marshal(ops)
}

// Apply returns the pod as the webhook leaves it.
func Apply(w Webhook, raw []byte) ([]byte, error) {
	text, err := Patch(w, raw)
	if err != nil {
		return nil, err
	}
	patch, err := evanphx.DecodePatch(text)
	if err != nil {
		return nil, fmt.Errorf("read patch: %w", err)
	}
	return patch.Apply(raw)
}
