package fakewebhooks

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	evanphx "github.com/evanphx/json-patch/v5"
	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
)

// Webhook changes pods.
type Webhook interface {
	// Mutate changes the pod as the webhook's patch would.
	Mutate(pod *corev1.Pod)
}

// listWriter is a webhook whose patch has the lists of containers as a whole.
type listWriter interface {
	Webhook
	writesContainers()
}

// Patch returns the JSON patch with which the webhook answers a review of the pod: the difference between the pod as it came
// and as it would be. Fields that the types here do not know are kept, but in containers that the webhook writes anew.
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
	if _, whole := w.(listWriter); whole && len(ops) > 0 {
		ops = writeContainers(ops, &pod)
	}
	return json.Marshal(ops)
}

// writeContainers returns operations that write the lists of containers anew, in place of those that change items.
func writeContainers(ops []jsonpatch.Operation, pod *corev1.Pod) []jsonpatch.Operation {
	const containers, initContainers = "/spec/containers", "/spec/initContainers"
	ops = slices.DeleteFunc(ops, func(op jsonpatch.Operation) bool {
		return strings.HasPrefix(op.Path, containers) || strings.HasPrefix(op.Path, initContainers)
	})
	ops = append(ops, jsonpatch.NewOperation("add", containers, pod.Spec.Containers))
	if len(pod.Spec.InitContainers) > 0 {
		ops = append(ops, jsonpatch.NewOperation("add", initContainers, pod.Spec.InitContainers))
	}
	return ops
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
