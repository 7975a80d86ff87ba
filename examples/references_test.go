package examples_test

import (
	"encoding/json"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// reference names a key of a Secret or a ConfigMap; without a key, the object.
type reference struct{ kind, name, key string }

// TestReferences looks for what the injected pods refer to: a Secret that an example forgets, or a key that profile and
// Secret write in two ways, would show only when somebody's pod does not start.
func TestReferences(t *testing.T) {
	eachExample(t, func(t *testing.T, e *example) {
		t.Helper()
		var used []string
		for _, p := range e.pods {
			var pod corev1.Pod
			if err := json.Unmarshal(e.inject(t, p).raw, &pod); err != nil {
				t.Fatal(err)
			}
			for _, r := range references(&pod) {
				used = append(used, r.kind+"/"+r.name)
				if !e.holds(t, pod.Namespace, r) {
					t.Errorf("%s refers to key %q of %s %s, which secret.yaml does not have in namespace %s",
						p.title(), r.key, r.kind, r.name, pod.Namespace)
				}
			}
		}
		for _, o := range e.objects {
			name := o.GetKind() + "/" + o.GetName()
			if (o.GetKind() == "Secret" || o.GetKind() == "ConfigMap") && !slices.Contains(used, name) {
				t.Errorf("no pod refers to %s", name)
			}
		}
	})
}

// isOptional reports whether a reference may lead to nothing.
func isOptional(optional *bool) bool { return optional != nil && *optional }

// references are those to Secrets and ConfigMaps that have to be there.
func references(pod *corev1.Pod) []reference {
	var found []reference
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, v := range c.Env {
			if v.ValueFrom != nil && v.ValueFrom.SecretKeyRef != nil && !isOptional(v.ValueFrom.SecretKeyRef.Optional) {
				found = append(found, reference{"Secret", v.ValueFrom.SecretKeyRef.Name, v.ValueFrom.SecretKeyRef.Key})
			}
		}
	}
	items := func(kind, name string, items []corev1.KeyToPath) {
		for _, item := range items {
			found = append(found, reference{kind, name, item.Key})
		}
		if len(items) == 0 {
			found = append(found, reference{kind, name, ""})
		}
	}
	for _, v := range pod.Spec.Volumes {
		if v.Secret != nil && !isOptional(v.Secret.Optional) {
			items("Secret", v.Secret.SecretName, v.Secret.Items)
		}
		if v.ConfigMap != nil {
			items("ConfigMap", v.ConfigMap.Name, v.ConfigMap.Items)
		}
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.Secret != nil && !isOptional(source.Secret.Optional) {
				items("Secret", source.Secret.Name, source.Secret.Items)
			}
			if source.ConfigMap != nil {
				items("ConfigMap", source.ConfigMap.Name, source.ConfigMap.Items)
			}
		}
	}
	return found
}

// holds reports whether the example brings what a pod of namespace refers to.
func (e *example) holds(t *testing.T, namespace string, r reference) bool {
	t.Helper()
	for _, o := range e.objects {
		if o.GetKind() != r.kind || o.GetName() != r.name || o.GetNamespace() != namespace {
			continue
		}
		for _, field := range []string{"stringData", "data"} {
			data, _ := o.Object[field].(map[string]any)
			if _, ok := data[r.key]; ok || (r.key == "" && len(data) > 0) {
				return true
			}
		}
	}
	return false
}
