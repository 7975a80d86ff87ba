package e2e_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/e2e/fakecloud"
	"lighterman.dev/lighterman/e2e/harness/store"
)

// exampleRun applies manifests of the folder examples as they are, but for what every user replaces: namespace, bucket with
// its region, role and CA, and images. Volume claims become emptyDirs: the local cluster provides no volumes.
type exampleRun struct {
	*environment

	namespace string
	// image takes the place of all images.
	image string
	cloud *fakecloud.Cloud
}

func (e *environment) example(t *testing.T, image string) *exampleRun {
	t.Helper()
	r := &exampleRun{environment: e, image: image, namespace: e.namespace(t, injector.InjectionEnabled), cloud: fakecloud.ForTest(t, e.target, e.store)}
	e.create(t, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "cloud-ca", Namespace: r.namespace}, Data: map[string]string{"ca.crt": string(r.cloud.CABundle())},
	})
	return r
}

// apply applies a file of the folder, with variables of containers that its comments ask for.
func (r *exampleRun) apply(t *testing.T, file string, env map[string]string) {
	t.Helper()
	for _, object := range r.read(t, file) {
		switch o := object.(type) {
		case *corev1.Namespace:
			continue
		case *v1alpha1.CredentialProfile:
			r.adoptProfile(t, o)
		case *appsv1.StatefulSet:
			for _, claim := range o.Spec.VolumeClaimTemplates {
				o.Spec.Template.Spec.Volumes = append(o.Spec.Template.Spec.Volumes, corev1.Volume{
					Name: claim.Name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
				})
			}
			o.Spec.VolumeClaimTemplates = nil
		}
		if template := templateOf(object); template != nil {
			r.adoptPod(&template.Spec, env)
		}
		object.SetNamespace(r.namespace)
		// Examples share accounts and Secrets.
		if err := r.client.Get(t.Context(), client.ObjectKeyFromObject(object), object.DeepCopyObject().(client.Object)); apierrors.IsNotFound(err) {
			r.create(t, object)
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func (r *exampleRun) adoptProfile(t *testing.T, p *v1alpha1.CredentialProfile) {
	t.Helper()
	s3 := p.Spec.S3
	s3.Bucket, s3.Region = r.namespace, store.Region
	s3.Auth.WebIdentity.RoleARN = r.store.RoleForTest(t, store.Role{
		Name: r.namespace + "-" + p.Name, Audience: audience,
		Subject: "system:serviceaccount:" + r.namespace + ":" + p.Spec.AllowedServiceAccounts[0],
		Policy:  store.AllowBackups(r.namespace, s3.Prefix+"/"),
	})
	p.Spec.CABundle = &v1alpha1.CABundle{ConfigMap: &v1alpha1.CAKeyRef{Name: "cloud-ca"}}
}

func (r *exampleRun) adoptPod(pod *corev1.PodSpec, env map[string]string) {
	pod.HostAliases = r.cloud.HostAliases(r.namespace)
	for _, containers := range [][]corev1.Container{pod.InitContainers, pod.Containers} {
		for i := range containers {
			containers[i].Image = r.image
			for j := range containers[i].Env {
				if value, given := env[containers[i].Env[j].Name]; given {
					containers[i].Env[j].Value = value
				}
			}
		}
	}
}

// read gives the objects of a file, in the types of their kinds.
func (r *exampleRun) read(t *testing.T, file string) []client.Object {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "examples", file))
	if err != nil {
		t.Fatal(err)
	}
	var objects []client.Object
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var u unstructured.Unstructured
		err := decoder.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		typed, err := r.client.Scheme().New(u.GroupVersionKind())
		if err == nil {
			err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, typed, true)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		objects = append(objects, typed.(client.Object))
	}
}

// templateOf is the pod template of a workload; nil: the object is none.
func templateOf(o client.Object) *corev1.PodTemplateSpec {
	switch o := o.(type) {
	case *appsv1.StatefulSet:
		return &o.Spec.Template
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template
	case *batchv1.Job:
		return &o.Spec.Template
	}
	return nil
}

// trigger does what kubectl create job --from=cronjob/NAME does.
func (r *exampleRun) trigger(t *testing.T, name string) *batchv1.Job {
	t.Helper()
	var cron batchv1.CronJob
	if err := r.client.Get(t.Context(), client.ObjectKey{Namespace: r.namespace, Name: name}, &cron); err != nil {
		t.Fatal(err)
	}
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: name + "-", Namespace: r.namespace, Annotations: map[string]string{"cronjob.kubernetes.io/instantiate": "manual"},
		},
		Spec: cron.Spec.JobTemplate.Spec,
	}
	r.create(t, job)
	return job
}
