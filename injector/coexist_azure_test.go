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

// checkToken finds the files that a container's variables name among the pod's volumes. A token proxy takes a token of its own
// audience, and Entra ID takes another; a proxy without its authority's file is asked by nobody.
func checkToken(t *testing.T, pod *corev1.Pod, c *corev1.Container) {
	t.Helper()
	env := map[string]string{}
	for _, e := range c.Env {
		env[e.Name] = e.Value
	}
	if env["LIGHTERMAN_PROVIDER"] != "azure" || env["AZURE_FEDERATED_TOKEN_FILE"] == "" {
		return
	}
	want := "api://AzureADTokenExchange"
	if env["AZURE_KUBERNETES_TOKEN_PROXY"] != "" {
		want = "api://AKSIdentityBinding"
		ca := sourceOf(pod, c, env["AZURE_KUBERNETES_CA_FILE"])
		if env["AZURE_KUBERNETES_CA_DATA"] == "" && (ca == nil || ca.ConfigMap == nil || ca.ConfigMap.Name != "kube-root-ca.crt") {
			t.Errorf("container %s: the authority's file %q is %v", c.Name, env["AZURE_KUBERNETES_CA_FILE"], ca)
		}
	}
	token := sourceOf(pod, c, env["AZURE_FEDERATED_TOKEN_FILE"])
	if token == nil || token.ServiceAccountToken == nil || token.ServiceAccountToken.Audience != want {
		t.Errorf("container %s: the token's file %q is %v, want one for %s", c.Name, env["AZURE_FEDERATED_TOKEN_FILE"], token, want)
	}
}

// sourceOf returns the projection of a container's file; nil: there is none.
func sourceOf(pod *corev1.Pod, c *corev1.Container, file string) *corev1.VolumeProjection {
	for _, m := range c.VolumeMounts {
		path, below := strings.CutPrefix(file, m.MountPath+"/")
		at := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if !below || at < 0 || pod.Spec.Volumes[at].Projected == nil {
			continue
		}
		for i := range pod.Spec.Volumes[at].Projected.Sources {
			s := &pod.Spec.Volumes[at].Projected.Sources[i]
			if s.ServiceAccountToken != nil && s.ServiceAccountToken.Path == path ||
				s.ConfigMap != nil && len(s.ConfigMap.Items) > 0 && s.ConfigMap.Items[0].Path == path {
				return s
			}
		}
	}
	return nil
}

// azureIdentity takes the account's keys first, as tools do, and then goes the way of DefaultAzureCredential: azidentity
// v1.14.1 default_azure_credential.go; azure-identity 1.25 default.py and managed_identity.py, whose managed identity is a
// workload identity where three variables of one are there.
func azureIdentity(env map[string]string, python bool) string {
	for _, name := range []string{"AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_KEY"} {
		if env[name] != "" {
			return "keys of " + env[name]
		}
	}
	has := func(names ...string) bool {
		return !slices.ContainsFunc(names, func(name string) bool { return env[name] == "" })
	}
	chosen := func(name string) bool {
		return env["AZURE_TOKEN_CREDENTIALS"] == "" || env["AZURE_TOKEN_CREDENTIALS"] == name
	}
	federated := "workload " + env["AZURE_CLIENT_ID"] + " in " + env["AZURE_TENANT_ID"]
	if proxy := env["AZURE_KUBERNETES_TOKEN_PROXY"]; proxy != "" {
		federated += " through " + env["AZURE_KUBERNETES_SNI_NAME"] + " at " + proxy
	}
	switch {
	case chosen("EnvironmentCredential") && has("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
		return "principal " + env["AZURE_CLIENT_ID"]
	case chosen("WorkloadIdentityCredential") && has("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"):
		return federated
	case env["AZURE_TOKEN_CREDENTIALS"] != "ManagedIdentityCredential":
		return "none"
	case python && has("AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"):
		return federated
	}
	return "managed " + env["AZURE_CLIENT_ID"]
}
