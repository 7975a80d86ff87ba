package injector_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/jsonsubset"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var settings = injector.Settings{
	Version: "v0.0.0-test", Image: "lighterman:test", UploaderImage: "uploader:test", Cluster: profile.Cluster{ClusterTrustBundles: true},
}

// TestInject runs every folder of testdata: pod.yaml and profile.yaml give want.yaml, with the warnings in
// want.warnings, or the denial in want.err.
func TestInject(t *testing.T) {
	cases, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.Name() == "fuzz" { // go test -fuzz keeps its corpus there.
			continue
		}
		t.Run(c.Name(), func(t *testing.T) { runCase(t, filepath.Join("testdata", c.Name())) })
	}
}

func runCase(t *testing.T, dir string) {
	t.Helper()
	raw, err := yaml.YAMLToJSON(read(t, dir, "pod.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	profile, err := profile.Parse(read(t, dir, "profile.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	got, settings := map[string]string{"pod.yaml": "", "profile.yaml": ""}, settings
	if text, err := os.ReadFile(filepath.Join(dir, "settings.yaml")); err == nil {
		got["settings.yaml"] = ""
		if err := yaml.UnmarshalStrict(text, &settings); err != nil {
			t.Fatal(err)
		}
	}
	raw = withFirstPass(t, dir, raw, profile, settings, got)
	result, err := injector.Inject(parse(t, raw), profile, settings)
	var denied *injector.DeniedError
	switch {
	case errors.As(err, &denied):
		got["want.err"] = string(denied.Reason) + ": " + denied.Error() + "\n"
	case err != nil:
		t.Fatal(err)
	default:
		patched := podtest.Apply(t, raw, result.Operations)
		text, err := yaml.JSONToYAML(podtest.WithoutAdded(t, patched))
		if err != nil {
			t.Fatal(err)
		}
		got["want.yaml"] = string(text)
		if len(result.Warnings) > 0 {
			got["want.warnings"] = strings.Join(result.Warnings, "\n") + "\n"
		}
		checkInvariants(t, raw, profile, settings, result, patched)
	}
	if isDenial := got["want.err"] != ""; isDenial != strings.HasPrefix(filepath.Base(dir), "denied-") {
		t.Errorf("its name begins with denied-, or it is denied, but not both: the pod or the profile no longer shows what the case is for")
	}
	compareGolden(t, dir, got)
}

// withFirstPass gives the pod the annotation that the first pass left in first.yaml.
func withFirstPass(t *testing.T, dir string, raw []byte, profile *profile.Profile, settings injector.Settings, got map[string]string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "first.yaml"))
	if errors.Is(err, os.ErrNotExist) {
		return raw
	}
	got["first.yaml"] = ""
	first, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	result, err := injector.Inject(parse(t, first), profile, settings)
	if err != nil {
		t.Fatal(err)
	}
	after := parse(t, podtest.Apply(t, first, result.Operations))
	pod := podtest.Decode(t, raw).(map[string]any)
	pod["metadata"].(map[string]any)["annotations"].(map[string]any)[injector.AnnotationAdded] = after.Metadata.Annotations[injector.AnnotationAdded]
	return podtest.Marshal(t, pod)
}

// compareGolden compares the want files of dir with got, and fails for files that no run produces.
func compareGolden(t *testing.T, dir string, got map[string]string) {
	t.Helper()
	if *update {
		for _, name := range []string{"want.yaml", "want.err", "want.warnings"} {
			path := filepath.Join(dir, name)
			if text, ok := got[name]; ok {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, ok := got[file.Name()]
		if !ok {
			t.Errorf("%s: no run produces this file", filepath.Join(dir, file.Name()))
		}
		if strings.HasPrefix(file.Name(), "want.") {
			if diff := cmp.Diff(string(read(t, dir, file.Name())), text); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file.Name(), diff)
			}
		}
		delete(got, file.Name())
	}
	for name := range got {
		t.Errorf("%s is missing: run with -update", filepath.Join(dir, name))
	}
}

// checkInvariants checks what holds for every pod that is injected.
func checkInvariants(t *testing.T, raw []byte, profile *profile.Profile, settings injector.Settings, result injector.Result, patched []byte) {
	t.Helper()
	for _, op := range result.Operations {
		if op.Operation != "add" {
			t.Errorf("operation %s %s: a first pass has additions alone", op.Operation, op.Path)
		}
	}
	pod, untouched := parse(t, raw), parse(t, raw)
	again, err := injector.Inject(pod, profile, settings)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(untouched, pod); diff != "" {
		t.Errorf("the pod was changed: %s", diff)
	}
	if !bytes.Equal(podtest.Marshal(t, result), podtest.Marshal(t, again)) {
		t.Error("two runs differ")
	}
	second, err := injector.Inject(parse(t, patched), profile, settings)
	if err != nil {
		t.Errorf("second pass: %v", err)
	}
	if len(second.Operations) > 0 {
		t.Errorf("the second pass adds: %s", podtest.Marshal(t, second.Operations))
	}
	checkUnknownFields(t, raw, profile)
	if where := jsonsubset.Lost(podtest.Decode(t, raw), podtest.Decode(t, patched)); where != "" {
		t.Errorf("%s was lost or changed", where)
	}
	checkNames(t, untouched, parse(t, patched))
	checkEmpty(t, untouched, parse(t, patched), profile)
}

// checkEmpty checks that a variable is empty only where its container had it so, or where that keeps another identity out.
func checkEmpty(t *testing.T, before, after *injector.Pod, profile *profile.Profile) {
	t.Helper()
	shut := injector.ShutVariables(profile)
	was := map[string]bool{}
	for _, c := range append(before.Spec.InitContainers, before.Spec.Containers...) {
		for _, e := range c.Env {
			was[c.Name+"/"+e.Name] = e.Value == "" && e.ValueFrom == nil
		}
	}
	for _, c := range append(after.Spec.InitContainers, after.Spec.Containers...) {
		for _, e := range c.Env {
			if e.Value == "" && e.ValueFrom == nil && !was[c.Name+"/"+e.Name] && !slices.Contains(shut, e.Name) {
				t.Errorf("container %s: variable %s is empty", c.Name, e.Name)
			}
		}
	}
}

// checkUnknownFields puts fields of a future Kubernetes into the pod and expects to find them again.
func checkUnknownFields(t *testing.T, raw []byte, profile *profile.Profile) {
	t.Helper()
	pod := podtest.Decode(t, raw).(map[string]any)
	future := map[string]any{"nested": []any{"x", 1.5, nil, map[string]any{"deep": true}}}
	pod["future"] = future
	spec := pod["spec"].(map[string]any)
	spec["future"] = future
	for _, list := range []string{"containers", "initContainers", "volumes"} {
		items, _ := spec[list].([]any)
		for _, item := range items {
			item.(map[string]any)["future"] = future
		}
	}
	with := podtest.Marshal(t, pod)
	result, err := injector.Inject(parse(t, with), profile, settings)
	if err != nil {
		t.Fatal(err)
	}
	if where := jsonsubset.Lost(podtest.Decode(t, with), podtest.Decode(t, podtest.Apply(t, with, result.Operations))); where != "" {
		t.Errorf("with unknown fields: %s was lost or changed", where)
	}
}

// checkNames checks that nothing is there twice, unless it was so before or the one may be none: the API server would refuse
// the pod, or one of two variables have no effect.
func checkNames(t *testing.T, before, pod *injector.Pod) {
	t.Helper()
	own := map[string]int{}
	for _, c := range append(before.Spec.InitContainers, before.Spec.Containers...) {
		for _, e := range c.Env {
			own[c.Name+"/"+e.Name]++
		}
	}
	volumes := map[string]bool{}
	for _, v := range pod.Spec.Volumes {
		if volumes[v.Name] {
			t.Errorf("volume %s is there twice", v.Name)
		}
		volumes[v.Name] = true
	}
	names := map[string]bool{}
	for _, c := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		if names[c.Name] {
			t.Errorf("container %s is there twice", c.Name)
		}
		names[c.Name] = true
		paths, env := map[string]bool{}, map[string]bool{} // Whether it may be hidden by another of its name.
		for _, m := range c.VolumeMounts {
			if paths[m.MountPath] || !volumes[m.Name] {
				t.Errorf("container %s: mount %s at %s is there twice, or without its volume", c.Name, m.Name, m.MountPath)
			}
			paths[m.MountPath] = true
		}
		for _, e := range c.Env {
			hidden := mayBeNone(e)
			if other, twice := env[e.Name]; twice && !other && !hidden && own[c.Name+"/"+e.Name] < 2 {
				t.Errorf("container %s: variable %s is there twice", c.Name, e.Name)
			}
			env[e.Name] = hidden
		}
	}
}

// mayBeNone reports whether a variable may have no value, so that another of its name has a meaning.
func mayBeNone(e corev1.EnvVar) bool {
	from := e.ValueFrom
	if from == nil {
		return e.Value == "" || strings.HasPrefix(e.Value, "$(") && strings.HasSuffix(e.Value, ")")
	}
	optional := func(o *bool) bool { return o != nil && *o }
	return from.SecretKeyRef != nil && optional(from.SecretKeyRef.Optional) || from.FieldRef != nil ||
		from.ConfigMapKeyRef != nil && optional(from.ConfigMapKeyRef.Optional) || from.FileKeyRef != nil && optional(from.FileKeyRef.Optional)
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func parse(t *testing.T, raw []byte) *injector.Pod {
	t.Helper()
	pod, err := injector.ParsePod(raw)
	if err != nil {
		t.Fatal(err)
	}
	return pod
}
