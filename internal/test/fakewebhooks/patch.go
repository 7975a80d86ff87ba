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

// forgetful is a webhook that drops what its own library does not know.
type forgetful interface {
	// forgets returns the paths of the fields: lists are looked into, and a star stands for any field.
	forgets() []string
}

// Patch returns the JSON patch with which the webhook answers a review of the pod: the difference between the pod as it came
// and as it would be. Fields that the types here do not know are kept, but in containers that the webhook writes anew. Others are
// lost where the webhook is known to drop them.
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
	if f, ok := w.(forgetful); ok {
		if after, err = forget(after, f.forgets()); err != nil {
			return nil, err
		}
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

// forget returns the pod without the fields.
func forget(raw []byte, fields []string) ([]byte, error) {
	var pod any
	if err := json.Unmarshal(raw, &pod); err != nil {
		return nil, fmt.Errorf("read changed pod: %w", err)
	}
	for _, field := range fields {
		drop(pod, strings.Split(field, "."))
	}
	return json.Marshal(pod)
}

// drop removes a field of a value, and of each value of a list.
func drop(value any, path []string) {
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			drop(item, path)
		}
	case map[string]any:
		switch name := path[0]; {
		case len(path) == 1:
			delete(value, name)
		case name == "*":
			for _, each := range value {
				drop(each, path[1:])
			}
		default:
			drop(value[name], path[1:])
		}
	}
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
