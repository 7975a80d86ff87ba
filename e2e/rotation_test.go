package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/uploader"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/e2e/harness/store"
)

// everySecond writes a file each second.
const everySecond = `
trap 'exit 0' TERM
n=0
while :; do
	echo $n >/spool/$n
	n=$((n + 1))
	sleep 1
done
`

// TestRotatedKey changes the Secret of a Deployment's access key, and revokes the old key: the sidecar that runs takes the new
// one, once the kubelet has it, and no container of the pod is started again.
func TestRotatedKey(t *testing.T) {
	t.Parallel()
	e := setup(t)
	namespace := e.namespace(t, injector.InjectionEnabled)
	first := e.newKey(t, namespace)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "keys", Namespace: namespace}, StringData: first.data()}
	e.create(t, secret)
	e.profile(t, namespace, "", func(s *v1alpha1.CredentialProfileSpec) {
		s.S3.Auth = v1alpha1.S3Auth{AccessKey: &v1alpha1.S3AccessKey{
			AccessKeyID: v1alpha1.KeyRef{Name: "keys", Key: "id"}, SecretAccessKey: v1alpha1.KeyRef{Name: "keys", Key: "secret"},
		}}
		s.Uploader = &v1alpha1.Uploader{Path: "/spool"}
	})
	template := e.scripted(t, everySecond)
	template.Spec.RestartPolicy = corev1.RestartPolicyAlways
	e.create(t, &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "database", Namespace: namespace},
		Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template},
	})
	r := e.runningUpload(t, namespace)
	r.storedAfter(t, time.Time{})
	r.haveNoKeyInEnv(t)

	second := e.newKey(t, namespace)
	patch, err := json.Marshal(map[string]any{"stringData": second.data()})
	if err != nil {
		t.Fatal(err)
	}
	changed := time.Now()
	if err := e.client.Patch(t.Context(), secret, client.RawPatch(types.MergePatchType, patch)); err != nil {
		t.Fatal(err)
	}
	if err := e.store.DeleteKey(t.Context(), namespace, first.Key); err != nil {
		t.Fatal(err)
	}
	r.storedAfter(t, changed)
	t.Logf("the first file under the new key was stored %v after the Secret had changed", time.Since(changed).Round(time.Second))
	for _, container := range []string{"dump", injector.UploaderContainerName} {
		if status := r.status(container); status == nil || status.RestartCount != 0 {
			t.Errorf("container %s was started again: %+v", container, status)
		}
	}
}

// userKey is an access key, as it is in the Secret.
type userKey struct{ store.Key }

func (k userKey) data() map[string]string { return map[string]string{"id": k.ID, "secret": k.Secret} }

// newKey makes a key of the namespace's user.
func (e *environment) newKey(t *testing.T, namespace string) userKey {
	t.Helper()
	key, err := e.store.CreateUser(t.Context(), namespace, backups(namespace))
	if err != nil {
		t.Fatal(err)
	}
	return userKey{key}
}

// storedAfter waits until the manifest names a file that was stored after a time, by a sidecar that still runs.
func (r *uploadRun) storedAfter(t *testing.T, after time.Time) {
	t.Helper()
	waitFor(t, "a file that is stored", patience, func(ctx context.Context) (bool, string) {
		if err := r.client.Get(ctx, client.ObjectKeyFromObject(r.pod), r.pod); err != nil {
			return false, err.Error()
		}
		m, err := r.manifest(ctx)
		if err != nil || m == nil {
			return false, fmt.Sprint("no manifest: ", err)
		}
		for _, f := range m.Files {
			if f.Stored.After(after) {
				return true, ""
			}
		}
		return false, fmt.Sprintf("%d files in the manifest, the last of %v", len(m.Files), m.Written)
	})
}

// haveNoKeyInEnv checks that no container of the pod has a variable of the key.
func (r *uploadRun) haveNoKeyInEnv(t *testing.T) {
	t.Helper()
	for _, list := range [][]corev1.Container{r.pod.Spec.InitContainers, r.pod.Spec.Containers} {
		for i := range list {
			for _, env := range list[i].Env {
				for _, secret := range uploader.SecretVariables("s3", "accessKey") {
					if env.Name == secret {
						t.Errorf("container %s has the variable %s", list[i].Name, env.Name)
					}
				}
			}
		}
	}
}
