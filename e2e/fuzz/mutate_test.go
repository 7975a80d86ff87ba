package fuzz

import (
	"encoding/json"
	"maps"
	"math/rand"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	corefuzzer "k8s.io/kubernetes/pkg/apis/core/fuzzer"
	"lighterman.dev/lighterman/internal/test/podtest"
)

// graft sets fields of the pod to what Kubernetes' own fuzzer fills into them: any field that there is, also those that
// nobody here thinks of. Grafts that make the pod invalid are mostly undone.
func (s *source) graft(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	grafts := pick(s, 0, 0, 1, 3, 8)
	if grafts == 0 {
		return
	}
	donor := s.filled(t)
	for range grafts {
		before := pod.DeepCopy()
		switch from, to := &donor.Spec, &pod.Spec; s.below(4) {
		case 0:
			s.transplant(reflect.ValueOf(from).Elem(), reflect.ValueOf(to).Elem())
		case 1:
			if len(to.Containers) > 0 && len(from.Containers) > 0 {
				s.transplant(reflect.ValueOf(&from.Containers[0]).Elem(), reflect.ValueOf(&to.Containers[0]).Elem())
			}
		case 2:
			if len(to.InitContainers) > 0 && len(from.InitContainers) > 0 {
				s.transplant(reflect.ValueOf(&from.InitContainers[0]).Elem(), reflect.ValueOf(&to.InitContainers[0]).Elem())
			}
		case 3:
			if len(from.Volumes) > 0 {
				to.Volumes = append(to.Volumes, corev1.Volume{Name: "grafted", VolumeSource: from.Volumes[0].VolumeSource})
			}
		}
		if defaulted := pod.DeepCopy(); !s.chance(2) {
			legacyscheme.Scheme.Default(defaulted)
			if validate(defaulted) != nil {
				before.DeepCopyInto(pod)
			}
		}
	}
}

// transplant copies one field.
func (s *source) transplant(from, to reflect.Value) {
	field := s.below(from.NumField())
	to.Field(field).Set(from.Field(field))
}

// filled is a pod of which everything is random.
func (s *source) filled(t *testing.T) *corev1.Pod {
	t.Helper()
	var internal core.Pod
	funcs := fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, corefuzzer.Funcs)
	fuzzer.FuzzerFor(funcs, rand.NewSource(s.seed()), legacyscheme.Codecs).Fill(&internal.Spec)
	var pod corev1.Pod
	if err := legacyscheme.Scheme.Convert(&internal, &pod, nil); err != nil {
		t.Fatalf("convert filled pod: %v", err)
	}
	return &pod
}

// raw encodes a pod, and puts in what only JSON can say: fields that our types do not know, and lists that are null, or
// empty, where others are absent.
func (s *source) raw(t *testing.T, pod *corev1.Pod) []byte {
	t.Helper()
	data, err := json.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	if s.chance(30) {
		return data
	}
	object := podtest.Decode(t, data).(map[string]any)
	spec, _ := object["spec"].(map[string]any)
	s.emptyLists(spec, "initContainers", "volumes", "nodeSelector", "tolerations")
	meta, _ := object["metadata"].(map[string]any)
	s.emptyLists(meta, "annotations", "labels")
	for _, list := range []string{"initContainers", "containers"} {
		items, _ := spec[list].([]any)
		for _, item := range items {
			c, _ := item.(map[string]any)
			s.emptyLists(c, "env", "envFrom", "volumeMounts", "volumeDevices")
		}
	}
	s.unknown(object)
	return podtest.Marshal(t, object)
}

// emptyLists adds fields that are there and hold nothing.
func (s *source) emptyLists(object map[string]any, fields ...string) {
	for _, field := range some(s, 10, fields...) {
		if _, set := object[field]; set {
			continue
		}
		switch field {
		case "annotations", "labels", "nodeSelector":
			object[field] = pick[any](s, nil, map[string]any{})
		default:
			object[field] = pick[any](s, nil, []any{})
		}
	}
}

// unknown puts fields of a Kubernetes to come into some of the objects below value.
func (s *source) unknown(value any) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			s.unknown(item)
		}
	case map[string]any:
		// Maps of strings are annotations and the like: an unknown field there is no unknown field.
		for _, key := range slices.Sorted(maps.Keys(v)) {
			switch key {
			case "annotations", "labels", "nodeSelector", "limits", "requests", "matchLabels", "options":
			default:
				s.unknown(v[key])
			}
		}
		if s.chance(15) {
			v[pick(s, "future", "x-future", "a/b~c", "é")] = pick[any](s, nil, "text", true, json.Number("1.50"),
				json.Number("12345678901234567890"), []any{}, map[string]any{},
				map[string]any{"name": "deep", "list": []any{nil, map[string]any{"env": []any{}}, json.Number("-0")}})
		}
	}
}
