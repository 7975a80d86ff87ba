package fuzz

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"

	"lighterman.dev/lighterman/e2e/oracle"
)

// Objects of the namespace that the pods refer to, besides those of the profile.
const (
	ownObject  = "own"
	fromObject = "from-"
)

// soundProfile makes a profile in which nothing is wrong: what becomes of a pod is then decided by the pod.
func (s *source) soundProfile() *v1alpha1.CredentialProfile {
	spec := v1alpha1.CredentialProfileSpec{CABundle: rarely(s, nil, s.caBundle())}
	switch s.below(5) {
	case 0, 1:
		spec.S3 = &v1alpha1.S3Store{Bucket: "pg-backups", Region: "eu-west-1"}
		s.auth(&spec.S3.Auth)
	case 2, 3:
		spec.Azure = &v1alpha1.AzureStore{Container: "pgc", StorageAccount: "backups"}
		s.azureAuth(&spec.Azure.Auth)
		if wi := spec.Azure.Auth.WorkloadIdentity; wi != nil && wi.AuthorityHost == "login" {
			wi.AuthorityHost = "" // The CRD refuses it.
		}
	case 4:
		spec.GCS = &v1alpha1.GCSStore{Bucket: "pg-backups", ProjectID: pick(s, "", "payments-1")}
		s.gcsAuth(&spec.GCS.Auth)
	}
	if s.chance(25) {
		spec.Tools = some(s, 12, toolNames...)
	}
	if s.chance(12) {
		spec.Uploader = s.uploader()
	}
	return &v1alpha1.CredentialProfile{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.KindCredentialProfile},
		ObjectMeta: metav1.ObjectMeta{Name: "pg", Namespace: namespace, UID: "6e0c7a52-35a2-4b3e-a0ba-8a5d8e2d5a11", Generation: 1},
		Spec:       spec,
	}
}

// storeName is the oracle's name of the profile's store.
func storeName(spec *v1alpha1.CredentialProfileSpec) string {
	switch {
	case spec.S3 != nil:
		return "s3"
	case spec.Azure != nil:
		return "azure"
	}
	return "gcs"
}

// identityPod makes a pod whose containers have identities of their own: whole, half, empty, or perhaps.
func (s *source) identityPod(store string) *corev1.Pod {
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Name: "backup", Namespace: namespace, Annotations: map[string]string{injector.AnnotationProfile: "pg"},
		},
		Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever},
	}
	for i := range pick(s, 1, 1, 1, 2, 3) {
		pod.Spec.Containers = append(pod.Spec.Containers, s.identityContainer(fmt.Sprintf("c%d", i), store))
	}
	if s.chance(15) {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, s.identityContainer("i0", store))
	}
	if s.chance(4) {
		pod.Spec.OS = &corev1.PodOS{Name: corev1.Windows}
	}
	if s.chance(5) {
		pod.Annotations[injector.AnnotationContainers] = "c0"
	}
	if s.chance(5) && len(pod.Spec.Containers) > 1 {
		pod.Annotations[injector.AnnotationSkipContainers] = "c1"
	}
	if s.chance(3) {
		pod.Annotations[injector.AnnotationTools] = pick(s, "sdk", "restic", "barman", "rclone")
	}
	s.others(pod)
	return pod
}

func (s *source) identityContainer(name, store string) corev1.Container {
	c := corev1.Container{Name: name, Image: "postgres:17", Command: []string{"dump"}, Env: s.identityEnv(store)}
	if s.chance(15) {
		for i := range pick(s, 1, 1, 2) {
			c.EnvFrom = append(c.EnvFrom, s.identityFrom(i))
		}
	}
	return c
}

func (s *source) identityFrom(index int) corev1.EnvFromSource {
	from := corev1.EnvFromSource{Prefix: pick(s, "", "", "", "AWS_", "AZURE_", "AWS_ACCESS_", "MY_")}
	reference, optional := corev1.LocalObjectReference{Name: fmt.Sprintf("%s%d", fromObject, index)}, maybe(s, 30, true)
	if s.chance(50) {
		from.SecretRef = &corev1.SecretEnvSource{LocalObjectReference: reference, Optional: optional}
	} else {
		from.ConfigMapRef = &corev1.ConfigMapEnvSource{LocalObjectReference: reference, Optional: optional}
	}
	return from
}

// identityEnv gives a container what the SDKs read: recipes for an identity, of which parts are missing, empty or optional; the
// switches beside them; and some entries twice.
func (s *source) identityEnv(store string) []corev1.EnvVar {
	var env []corev1.EnvVar
	for range pick(s, 0, 1, 1, 1, 2) {
		recipe := s.recipe(pick(s, store, store, store, store, store, store, "s3"))
		style := s.below(5)
		for _, name := range recipe.Vars {
			if !s.chance(12) {
				env = append(env, s.identityVar(name, style))
			}
		}
	}
	for _, name := range some(s, 8, oracle.Switches[store]...) {
		env = append(env, s.identityVar(name, s.below(5)))
	}
	if len(env) > 0 && s.chance(12) {
		env = append(env, s.identityVar(pick(s, env...).Name, s.below(5)))
	}
	if s.chance(10) {
		env = append(env, corev1.EnvVar{Name: "BUCKET", Value: "$(LIGHTERMAN_BUCKET)"})
	}
	if s.chance(30) {
		slices.Reverse(env)
	}
	return env
}

// recipe picks one for the store.
func (s *source) recipe(store string) oracle.Recipe {
	var those []oracle.Recipe
	for _, r := range oracle.Recipes {
		if r.Store == store {
			those = append(those, r)
		}
	}
	return pick(s, those...)
}

// identityVar sets a variable in one of the styles: a value, nothing, an optional reference, a required one, or any of them.
func (s *source) identityVar(name string, style int) corev1.EnvVar {
	e := corev1.EnvVar{Name: name}
	switch style {
	case 0:
		e.Value = s.ownValue(name)
	case 1:
	case 2:
		e.ValueFrom = s.ownReference(name, new(true))
	case 3:
		e.ValueFrom = s.ownReference(name, pick(s, nil, new(false)))
	default:
		return s.identityVar(name, pick(s, 0, 0, 1, 1, 2, 2, 3))
	}
	return e
}

// ownValue is mostly what a user would set; at times what the profile sets, too, or a reference.
func (s *source) ownValue(name string) string {
	own := oracle.OwnValues(name)
	switch s.below(40) {
	case 0:
		return pick(s, own...)
	case 1:
		return pick(s, roles[0], uuids[0], uuids[1], injector.MountPath+"/token", injector.MountPath+"/aws-credentials")
	case 2:
		return pick(s, "$(LIGHTERMAN_TOKEN_FILE)", "$(LIGHTERMAN_BUCKET)", "$(AWS_REGION)", "$("+name+")", "$(AWS_ACCESS_KEY_ID)", "$(AZURE_CLIENT_ID)")
	}
	return own[0]
}

func (s *source) ownReference(name string, optional *bool) *corev1.EnvVarSource {
	object := corev1.LocalObjectReference{Name: ownObject}
	if s.chance(4) { // A Secret of the profile's.
		return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: secretNames[0]}, Key: pick(s, secretKeys[0], secretKeys[1]), Optional: optional,
		}}
	}
	if s.chance(30) {
		return &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: object, Key: name, Optional: optional}}
	}
	return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: object, Key: name, Optional: optional}}
}

// saysNothing reports whether all that the pod's containers set of identities is empty, without references and envFrom.
func saysNothing(pod *corev1.Pod) bool {
	for _, c := range containers(pod) {
		for _, e := range c.Env {
			if e.ValueFrom != nil || e.Value != "" {
				return false
			}
		}
		if len(c.EnvFrom) > 0 {
			return false
		}
	}
	return true
}

// isSound reports whether a user would set all that the container sets.
func isSound(c *corev1.Container) bool {
	return !slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
		object, key, _ := reference(&e)
		return (object.Name != "" && (object.Name != ownObject || key != e.Name)) || e.Value != "" && (e.Value != oracle.OwnValues(e.Name)[0] || strings.Contains(e.Value, "$("))
	})
}
