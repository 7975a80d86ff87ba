package e2e_test

import (
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/toolmatrix"

	"lighterman.dev/lighterman/e2e/fakecloud"
)

// lookAround is what whoever has a shell in the container can find: its environment, its mounts, and every small file of
// every file system that is not the kernel's. In the end it writes what is to be uploaded.
const lookAround = `
env
cat /proc/self/mounts
while read -r _ at type _; do
	case $type in proc|sysfs|cgroup*|devpts|mqueue) continue;; esac
	find "$at" -xdev -type f -size -64k -exec cat {} + 2>/dev/null || true
done </proc/self/mounts
/backup write /spool/orders.dump --random=2Mi
`

// opensStore is what opens a store, whatever its value: the names of variables, and tokens.
var opensStore = regexp.MustCompile(
	`(?m)^(AWS_(ACCESS|SECRET|SESSION|ROLE|WEB|CONTAINER|SHARED|CONFIG|PROFILE)|AZURE_|GOOGLE_|CLOUDSDK_|LIGHTERMAN_(TOKEN_FILE|UPLOADER))|eyJ[A-Za-z0-9_-]+\.eyJ|PRIVATE KEY|` +
		regexp.QuoteMeta(injector.MountPath))

// TestIdentityIsTheUploadersAlone runs a container that writes files for the uploader, and looks for credentials with all
// that a shell in it can see, while the uploader stores the files.
func TestIdentityIsTheUploadersAlone(t *testing.T) {
	t.Parallel()
	e := setup(t)
	clouds := fakecloud.ForTest(t, e.target, e.store)
	for _, test := range []struct {
		store    string
		location toolmatrix.Location
		mode     string
	}{
		{"s3", toolmatrix.Endpoint, "webIdentity"},
		{"s3", toolmatrix.Cloud, "webIdentity+assumeRole"},
		{"s3", toolmatrix.Endpoint, "accessKey"},
		{"azure", toolmatrix.Cloud, "workloadIdentity"},
		{"azure", toolmatrix.Cloud, "accountKey"},
		{"azure", toolmatrix.Cloud, "sasToken"},
		{"gcs", toolmatrix.Cloud, "workloadIdentityFederation"},
		{"gcs", toolmatrix.Cloud, "serviceAccountKey"},
	} {
		t.Run(test.store+"/"+test.mode, func(t *testing.T) {
			t.Parallel()
			r := &proofRun{
				environment: e, cloud: clouds, proof: &toolmatrix.Proof{Store: test.store, Location: test.location},
			}
			r.mode, r.variant = toolmatrix.Mode(test.mode)
			r.lookForCredentials(t)
		})
	}
}

func (r *proofRun) lookForCredentials(t *testing.T) {
	t.Helper()
	r.prepareStore(t)
	r.spec.Uploader = &v1alpha1.Uploader{Path: "/spool", Completion: "Wrap"}
	r.profile(t, r.namespace, "", func(s *v1alpha1.CredentialProfileSpec) { *s = r.spec })
	template := r.scripted(t, lookAround)
	template.Spec.HostAliases = r.hosts
	template.Spec.AutomountServiceAccountToken = new(false) // The API server's own token is not Lighterman's business.
	ok, log := r.job(t, r.namespace, template)
	if !ok {
		t.Fatalf("%s\n%s", log, r.describePods(t.Context(), r.namespace))
	}
	if size, err := r.stored(t.Context()); err != nil || size < 2<<20 {
		t.Errorf("%d bytes are in the store: %v", size, err)
	}
	if !strings.Contains(log, "LIGHTERMAN_BUCKET="+r.namespace) || !strings.Contains(log, " /spool ") {
		t.Fatalf("the container did not look around:\n%s", log)
	}
	for _, found := range opensStore.FindAllString(log, -1) {
		t.Errorf("the container that only writes files has %q", found)
	}
	secrets, err := r.kube.CoreV1().Secrets(r.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range secrets.Items {
		s := &secrets.Items[i]
		for key, value := range s.Data {
			if s.Name != "store-ca" && len(value) > 0 && strings.Contains(log, string(value)) {
				t.Errorf("the container that only writes files has key %s of Secret %s", key, s.Name)
			}
		}
	}
	r.checkWriterSpec(t)
}

// checkWriterSpec looks at the container as the API server has it.
func (r *proofRun) checkWriterSpec(t *testing.T) {
	t.Helper()
	c := r.onlyPod(t, r.namespace).Spec.Containers[0]
	for _, m := range c.VolumeMounts {
		if m.Name != injector.SpoolVolumeName && (m.Name != injector.UploaderVolumeName || !m.ReadOnly) {
			t.Errorf("the container mounts %s at %s", m.Name, m.MountPath)
		}
	}
	for _, e := range c.Env {
		if e.ValueFrom != nil {
			t.Errorf("the container takes %s from elsewhere", e.Name)
		}
	}
	if len(c.EnvFrom) > 0 {
		t.Errorf("the container has envFrom %+v", c.EnvFrom)
	}
}

// prepareStore makes the run's namespace and store.
func (r *proofRun) prepareStore(t *testing.T) {
	t.Helper()
	r.namespace = r.environment.namespace(t, injector.InjectionEnabled)
	r.spec.CABundle = &v1alpha1.CABundle{ConfigMap: &v1alpha1.CAKeyRef{Name: "store-ca"}}
	if r.proof.Location == toolmatrix.Cloud {
		r.create(t, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: "cloud-ca", Namespace: r.namespace},
			Data:       map[string]string{"ca.crt": string(r.cloud.CABundle())},
		})
		r.spec.CABundle.ConfigMap.Name = "cloud-ca"
		r.hosts = r.cloud.HostAliases(r.namespace)
	}
	prepare, ok := proofStores[r.proof.Store]
	if !ok {
		t.Fatalf("nothing prepares the store %s", r.proof.Store)
	}
	prepare(r, t)
}
