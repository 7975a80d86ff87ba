package injector_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
)

// elsewhere are variables by which a program is told where the store is, or its token service, with a host that no profile of the
// golden cases has.
var elsewhere = map[string]string{
	"AWS_ENDPOINT_URL": "https://elsewhere.example", "AWS_ENDPOINT_URL_S3": "https://elsewhere.example:9000/",
	"AWS_ENDPOINT_URL_STS": "https://elsewhere.example", "AWS_ENDPOINT": "elsewhere.example",
	"WALE_AWS_ENDPOINT": "https://elsewhere.example", "RESTIC_REPOSITORY": "s3:https://elsewhere.example/b",
	"S3_ENDPOINT": "https://elsewhere.example", "ENDPOINT": "elsewhere.example:443", "LITESTREAM_S3_ENDPOINT": "elsewhere.example",
	"RCLONE_CONFIG_LIGHTERMAN_ENDPOINT": "elsewhere.example", "RCLONE_S3_ENDPOINT": "https://elsewhere.example",
	"PGBACKREST_REPO1_S3_ENDPOINT": "elsewhere.example", "PGBACKREST_REPO1_STORAGE_HOST": "elsewhere.example",
	"AZURE_STORAGE_SERVICE_ENDPOINT": "https://elsewhere.example", "AZURE_ENDPOINT": "https://elsewhere.example",
	"AZURE_ENDPOINT_SUFFIX": "elsewhere.example", "AZURE_STORAGE_DOMAIN": "blob.elsewhere.example",
	"JCLOUDS_ENDPOINT": "https://elsewhere.example", "API_ENDPOINT_OVERRIDE": "https://elsewhere.example",
}

// TestIdentityStaysWithItsStore gives the pod of each golden case of a tool each variable that leads elsewhere: no variable of
// the profile's identity, and no file of it, is in the container then, and a warning says why.
func TestIdentityStaysWithItsStore(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/tool-*/profile.yaml")
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, path := range paths {
		prof, err := profile.Parse(read(t, filepath.Dir(path), "profile.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		r := profile.Resolve(prof.Spec)
		if r.Store == nil || r.Mode == nil || r.Mode.KeepsAmbientIdentity {
			continue
		}
		for name, value := range elsewhere {
			if r.LeadsElsewhere(name, value) {
				tried[name] = true
				checkStays(t, filepath.Base(filepath.Dir(path)), prof, &r, corev1.EnvVar{Name: name, Value: value})
			}
		}
	}
	for name := range elsewhere {
		if !tried[name] {
			t.Errorf("%s leads elsewhere in no case", name)
		}
	}
}

func checkStays(t *testing.T, of string, prof *profile.Profile, r *profile.Resolved, own corev1.EnvVar) {
	t.Helper()
	pod := corev1.Pod{}
	pod.Namespace, pod.Name = "payments", "backup-0"
	pod.Annotations = map[string]string{injector.AnnotationProfile: "pg"}
	pod.Spec.Containers = []corev1.Container{{Name: "dump", Image: "x", Env: []corev1.EnvVar{own}}}
	raw := podtest.Marshal(t, &pod)
	parsed, err := injector.ParsePod(raw)
	if err != nil {
		t.Fatal(err)
	}
	result, err := injector.Inject(parsed, prof, settings)
	if err != nil {
		t.Errorf("%s with %s: %v", of, own.Name, err)
		return
	}
	var after corev1.Pod
	if err := json.Unmarshal(podtest.Apply(t, raw, result.Operations), &after); err != nil {
		t.Fatal(err)
	}
	environment, problems := r.Render(profile.Use{Namespace: "payments", ServiceAccount: "default"}, settings.Cluster)
	if len(problems) > 0 {
		return // A profile for a pod with more.
	}
	c := &after.Spec.Containers[0]
	for i := range environment.Vars {
		v := &environment.Vars[i]
		if v.Name == own.Name || v.Groups&r.Store.IdentityGroup == 0 {
			continue
		}
		if slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == v.Name }) {
			t.Errorf("%s with %s: the container gets %s", of, own.Name, v.Name)
		}
	}
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil && r.GroupOf(e.Name)&r.Store.IdentityGroup != 0 {
			t.Errorf("%s with %s: the container gets %s from a Secret", of, own.Name, e.Name)
		}
	}
	if prof.Spec.CABundle == nil && len(c.VolumeMounts) > 0 {
		t.Errorf("%s with %s: the container gets the files of the identity", of, own.Name)
	}
	said := fmt.Sprintf("sets %s, by which programs ask another host", own.Name)
	if !slices.ContainsFunc(result.Warnings, func(w string) bool { return strings.Contains(w, said) }) {
		t.Errorf("%s with %s: no warning says so: %q", of, own.Name, result.Warnings)
	}
}
