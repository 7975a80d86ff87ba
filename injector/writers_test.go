package injector_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
)

// writersPod writes files in a regular container and in an init container; another container has nothing to do with them.
const writersPod = `
metadata: {generateName: backup-, annotations: {lighterman.dev/profile: pg}}
spec:
  initContainers:
  - {name: prepare, image: "postgres:17", command: [prepare]}
  containers:
  - {name: dump, image: "postgres:17", command: [pg_dump]}
  - {name: metrics, image: "exporter:1", command: [exporter]}
`

// TestWritersHoldNothingThatOpensTheStore gives every profile of the golden cases an uploader, and looks at what the pod's
// own containers get.
func TestWritersHoldNothingThatOpensTheStore(t *testing.T) {
	raw, err := yaml.YAMLToJSON([]byte(writersPod))
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]bool{}
	eachProfile(t, func(t *testing.T, prof *profile.Profile) {
		t.Helper()
		spec := prof.Spec.DeepCopy()
		spec.Tools = nil
		spec.Uploader = &v1alpha1.Uploader{Path: "/backup", Completion: "Wrap"}
		with := *prof
		with.Spec = spec
		result, err := injector.Inject(parse(t, raw), &with, settings)
		if err != nil {
			return // Profiles that are refused are other tests' business.
		}
		spec.Uploader.Identity = "Containers"
		all, err := injector.Inject(parse(t, raw), &with, settings)
		if err != nil {
			t.Fatal(err)
		}
		recipients := parse(t, podtest.Apply(t, raw, all.Operations)).Spec.Containers
		resolved := profile.Resolve(spec)
		modes[resolved.URL()[:2]+"/"+resolved.AuthMode()] = true
		pod := parse(t, podtest.Apply(t, raw, result.Operations))
		for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			if !strings.HasPrefix(c.Name, "lighterman-") {
				checkWriter(t, &c, spec)
				checkReferences(t, &c, recipients[0].Env)
			}
		}
	})
	if len(modes) < 16 {
		t.Errorf("the golden cases' profiles have these auth modes only: %v", modes)
	}
}

// eachProfile runs a test with the profile of each golden case.
func eachProfile(t *testing.T, test func(*testing.T, *profile.Profile)) {
	t.Helper()
	files, err := filepath.Glob("testdata/*/profile.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		profile, err := profile.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) { test(t, profile) })
	}
}

// checkWriter checks the variables and the mounts of a container that only writes files.
func checkWriter(t *testing.T, c *injector.Container, spec *v1alpha1.CredentialProfileSpec) {
	t.Helper()
	neutral := []string{
		"LIGHTERMAN_PROVIDER", "LIGHTERMAN_BUCKET", "LIGHTERMAN_PREFIX", "LIGHTERMAN_ENDPOINT", "LIGHTERMAN_REGION",
		"LIGHTERMAN_FORCE_PATH_STYLE", "LIGHTERMAN_STORAGE_ACCOUNT", "AWS_EC2_METADATA_DISABLED",
	}
	for i := range spec.Env {
		neutral = append(neutral, spec.Env[i].Name)
	}
	for _, e := range c.Env {
		if !slices.Contains(neutral, e.Name) || e.ValueFrom != nil || strings.Contains(e.Value, injector.MountPath) {
			t.Errorf("container %s got %+v", c.Name, e)
		}
	}
	on := slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == "AWS_EC2_METADATA_DISABLED" && e.Value == "true" })
	if want := spec.S3 != nil && spec.S3.Auth.Ambient == nil; on != want {
		t.Errorf("container %s: the switch that shuts the node's role is on: %v, and should be: %v", c.Name, on, want)
	}
	for _, m := range c.VolumeMounts {
		switch {
		case m.Name == injector.SpoolVolumeName && m.MountPath == "/backup":
		case m.Name == injector.UploaderVolumeName && m.ReadOnly && m.MountPath == "/lighterman":
		default:
			t.Errorf("container %s got the mount %+v", c.Name, m)
		}
	}
}

// checkReferences checks that what a container's variables refer to is there, where the profile injects it elsewhere.
func checkReferences(t *testing.T, c *injector.Container, elsewhere []corev1.EnvVar) {
	t.Helper()
	for _, there := range elsewhere {
		has := slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == there.Name })
		for _, e := range c.Env {
			if !has && strings.Contains(strings.ReplaceAll(e.Value, "$$", ""), "$("+there.Name+")") {
				t.Errorf("container %s got %s=%s, and not %s", c.Name, e.Name, e.Value, there.Name)
			}
		}
	}
}
