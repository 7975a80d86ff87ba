package injector_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/fakewebhooks"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
)

// TestAzureDropsNewFields has Azure's webhook take from a pod what its library does not know, before Lighterman and behind it.
// Nothing that Lighterman adds is lost.
func TestAzureDropsNewFields(t *testing.T) {
	azure := fakewebhooks.Azure{ClientID: profileClient, TenantID: tenant}
	profile, err := profile.Parse([]byte(`{apiVersion: lighterman.dev/v1alpha1, kind: CredentialProfile, metadata: {name: pg, namespace: payments},
		spec: {azure: {storageAccount: a, container: c, auth: {workloadIdentity: {clientID: ` + profileClient + `, tenantID: ` + tenant + `}}},
			uploader: {path: /backup}}}`))
	if err != nil {
		t.Fatal(err)
	}
	pod := []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"backup","labels":{"` + fakewebhooks.AzureLabel + `":"true"}},
		"spec":{"serviceAccountName":"backup","resources":{"limits":{"memory":"1Gi"}},"containers":[{"name":"dump","command":["dump"],
			"restartPolicyRules":[{"action":"Restart"}],"env":[{"name":"A","valueFrom":{"fileKeyRef":{"key":"a","path":"p","volumeName":"v"}}}]}]}}`)
	ours := func(pod []byte) []byte {
		result, err := injector.Inject(parse(t, pod), profile, settings)
		if err != nil {
			t.Fatal(err)
		}
		return podtest.Apply(t, pod, result.Operations)
	}
	theirs := func(pod []byte) []byte {
		after, err := fakewebhooks.Apply(azure, pod)
		if err != nil {
			t.Fatal(err)
		}
		return after
	}
	without := slices.Clone(pod)
	for _, text := range []string{
		`"resources":{"limits":{"memory":"1Gi"}},`, `"restartPolicyRules":[{"action":"Restart"}],`,
		`"fileKeyRef":{"key":"a","path":"p","volumeName":"v"}`,
	} {
		if without = []byte(strings.Replace(string(without), text, "", 1)); strings.Contains(string(theirs(pod)), text[:10]) {
			t.Errorf("Azure's webhook keeps %s", text)
		}
	}
	for order, test := range map[string]struct{ made, after []byte }{
		"the other first":  {ours(without), ours(theirs(pod))},
		"Lighterman first": {ours(pod), ours(theirs(ours(pod)))}, // Pod-level resources stand for the sidecar's own.
	} {
		var want, got corev1.Pod
		if err := errors.Join(json.Unmarshal(test.made, &want), json.Unmarshal(test.after, &got)); err != nil {
			t.Fatal(err)
		}
		if len(want.Spec.InitContainers) != 2 || want.Spec.InitContainers[1].RestartPolicy == nil {
			t.Fatalf("no preflight and no sidecar: %v", want.Spec.InitContainers)
		}
		gotten := slices.Concat(got.Spec.InitContainers, got.Spec.Containers)
		for _, c := range slices.Concat(want.Spec.InitContainers, want.Spec.Containers) {
			at := slices.IndexFunc(gotten, func(other corev1.Container) bool { return other.Name == c.Name })
			if at < 0 {
				t.Errorf("%s: container %s is lost", order, c.Name)
				continue
			}
			// What Azure's webhook adds is no loss.
			other := &gotten[at]
			other.Env = slices.DeleteFunc(other.Env, func(e corev1.EnvVar) bool {
				return !slices.ContainsFunc(c.Env, func(own corev1.EnvVar) bool { return own.Name == e.Name })
			})
			if c.Name == "dump" { // Its own fields are those that are dropped.
				c.RestartPolicyRules, other.RestartPolicyRules = nil, nil
				c.Env, other.Env = c.Env[:len(c.Env)-1], other.Env[:len(c.Env)-1]
			}
			other.VolumeMounts = slices.DeleteFunc(other.VolumeMounts, func(m corev1.VolumeMount) bool {
				return strings.HasPrefix(m.Name, "azure-workload-identity")
			})
			if diff := cmp.Diff(c, *other); diff != "" {
				t.Errorf("%s: container %s (-as Lighterman makes it +as it ends):\n%s", order, c.Name, diff)
			}
		}
	}
}
