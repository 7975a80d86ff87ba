package examples_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/manifest"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/internal/textdiff"
	"lighterman.dev/lighterman/profile"
)

// example is a folder with a profile.yaml. What its variants share lies in the folder above.
type example struct {
	dir string
	// profileObject is the profile as its file has it.
	profileObject *unstructured.Unstructured
	profile       *profile.Profile
	// objects are those of secret.yaml, workload.yaml and restore.yaml.
	objects []*unstructured.Unstructured
	// pods are those of the workloads.
	pods []*pod
}

// pod is the pod that a workload makes.
type pod struct {
	workload *unstructured.Unstructured
	object   *unstructured.Unstructured
	raw      []byte
	parsed   *injector.Pod
}

// injected is what the injector made of a pod.
type injected struct {
	raw      []byte
	warnings []string
}

// eachExample runs test for every example of the list.
func eachExample(t *testing.T, test func(*testing.T, *example)) {
	t.Helper()
	for system, variants := range systems {
		for _, variant := range variants {
			dir := filepath.Join(system, variant)
			t.Run(dir, func(t *testing.T) { test(t, load(t, dir)) })
		}
	}
}

func load(t *testing.T, dir string) *example {
	t.Helper()
	profiles := parse(t, filepath.Join(dir, "profile.yaml"))
	if len(profiles) != 1 {
		t.Fatalf("profile.yaml holds %d objects, want one", len(profiles))
	}
	e := &example{dir: dir, profileObject: profiles[0], profile: profileOf(t, profiles[0])}
	for _, name := range []string{"secret.yaml", "workload.yaml", "restore.yaml"} {
		e.objects = append(e.objects, parse(t, shared(t, dir, name))...)
	}
	for _, o := range e.objects {
		if p := podOf(t, o); p != nil {
			e.pods = append(e.pods, p)
		}
	}
	return e
}

// shared returns the file of dir, or that of the folder above; empty: neither has it.
func shared(t *testing.T, dir, name string) string {
	t.Helper()
	for _, folder := range []string{dir, filepath.Dir(dir)} {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path
		} else if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return ""
}

// parse reads the objects of a YAML file; no file: none.
func parse(t *testing.T, path string) []*unstructured.Unstructured {
	t.Helper()
	if path == "" {
		return nil
	}
	return documents(t, path, read(t, path))
}

// documents reads the objects of a YAML text.
func documents(t *testing.T, name string, text []byte) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var o unstructured.Unstructured
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if o.Object != nil {
			objects = append(objects, &o)
		}
	}
}

// setOwner makes what the controller of a workload makes the owner of its pods.
func setOwner(workload, made *unstructured.Unstructured) {
	controller := true
	owner := metav1.OwnerReference{
		APIVersion: workload.GetAPIVersion(), Kind: workload.GetKind(), Name: workload.GetName(),
		UID: "00000000-0000-0000-0000-000000000000", Controller: &controller,
	}
	switch owner.Kind {
	case "CronJob":
		owner.Kind, owner.Name = "Job", owner.Name+"-29384760"
	case "Deployment":
		const hash = "5d4f8c7b9"
		owner.Kind, owner.Name = "ReplicaSet", owner.Name+"-"+hash
		labels := made.GetLabels()
		labels["pod-template-hash"] = hash
		made.SetLabels(labels)
	}
	made.SetOwnerReferences([]metav1.OwnerReference{owner})
}

func profileOf(t *testing.T, o *unstructured.Unstructured) *profile.Profile {
	t.Helper()
	profile, err := profile.Parse(marshal(t, o.Object))
	if err != nil {
		t.Fatal(err)
	}
	return profile
}

// podOf returns the pod that a workload makes, named as its controller would; nil: the object makes none.
func podOf(t *testing.T, o *unstructured.Unstructured) *pod {
	t.Helper()
	path, ok := manifest.TemplatePath(o.GetAPIVersion(), o.GetKind())
	if !ok {
		return nil
	}
	made := o.DeepCopy()
	if len(path) > 0 {
		template, found, err := unstructured.NestedMap(o.Object, path...)
		if err != nil || !found {
			t.Fatalf("%s %s has no pod template: %v", o.GetKind(), o.GetName(), err)
		}
		made = &unstructured.Unstructured{Object: template}
		made.SetAPIVersion("v1")
		made.SetKind("Pod")
		made.SetNamespace(o.GetNamespace())
		made.SetGenerateName(o.GetName() + "-")
		setOwner(o, made)
		claimVolumes(t, o, made)
	}
	raw := marshal(t, made.Object)
	parsed, err := injector.ParsePod(raw)
	if err != nil {
		t.Fatal(err)
	}
	return &pod{workload: o, object: made, raw: raw, parsed: parsed}
}

// claimVolumes does what the controller of StatefulSets does for the first pod.
func claimVolumes(t *testing.T, set, made *unstructured.Unstructured) {
	t.Helper()
	claims, _, err := unstructured.NestedSlice(set.Object, "spec", "volumeClaimTemplates")
	if err != nil {
		t.Fatal(err)
	}
	if claims == nil {
		return
	}
	made.SetGenerateName("")
	made.SetName(set.GetName() + "-0")
	volumes, _, err := unstructured.NestedSlice(made.Object, "spec", "volumes")
	if err != nil {
		t.Fatal(err)
	}
	for _, claim := range claims {
		name, _, err := unstructured.NestedString(claim.(map[string]any), "metadata", "name")
		if err != nil {
			t.Fatal(err)
		}
		volumes = append(volumes, map[string]any{
			"name": name, "persistentVolumeClaim": map[string]any{"claimName": name + "-" + made.GetName()},
		})
	}
	if err := unstructured.SetNestedSlice(made.Object, volumes, "spec", "volumes"); err != nil {
		t.Fatal(err)
	}
}

func (p *pod) title() string {
	if p.workload.GetKind() == "Pod" {
		return "Pod " + p.workload.GetName()
	}
	return "pod of " + p.workload.GetKind() + " " + p.workload.GetName()
}

// inject does what lighterman inject does.
func (e *example) inject(t *testing.T, p *pod) *injected {
	t.Helper()
	result, err := injector.Inject(p.parsed, e.profile, settings)
	if err != nil {
		t.Fatalf("%s is denied: %v", p.title(), err)
	}
	patch, err := jsonpatch.DecodePatch(marshal(t, result.Operations))
	if err != nil {
		t.Fatal(err)
	}
	patched, err := patch.Apply(p.raw)
	if err != nil {
		t.Fatal(err)
	}
	return &injected{raw: patched, warnings: result.Warnings}
}

// diff is that of lighterman inject --diff.
func (p *pod) diff(t *testing.T, after *injected) string {
	t.Helper()
	before, injected := toYAML(t, p.raw), toYAML(t, podtest.WithoutAdded(t, after.raw))
	return textdiff.Unified(p.title(), before, p.title()+", injected", injected)
}

func toYAML(t *testing.T, raw []byte) string {
	t.Helper()
	text, err := yaml.JSONToYAML(raw)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
