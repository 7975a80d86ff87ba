package main

import (
	"context"
	"fmt"
	"regexp"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/textdiff"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// diff asks the API server twice, without making a pod, what it would make of the Job's pod: once with the opt-out
// annotation, once without. What else the API server fills in is in both.
func (d *demo) diff(ctx context.Context, job *batchv1.Job) (string, error) {
	before, err := d.admitted(ctx, job, map[string]string{injector.AnnotationProfile: "pg", injector.AnnotationInject: "false"})
	if err != nil {
		return "", err
	}
	after, err := d.admitted(ctx, job, map[string]string{injector.AnnotationProfile: "pg"})
	if err != nil {
		return "", err
	}
	return textdiff.Unified("before", before, "after", after), nil
}

// tokenVolume is the name of the volume that the API server adds; its end is random.
var tokenVolume = regexp.MustCompile(`kube-api-access-[a-z0-9]+`)

func (d *demo) admitted(ctx context.Context, job *batchv1.Job, annotations map[string]string) (string, error) {
	pod, err := d.admit(ctx, job, annotations)
	if err != nil {
		return "", err
	}
	delete(pod.Annotations, injector.AnnotationInject)
	pod.UID, pod.ManagedFields = "", nil
	text, err := toYAML(pod)
	return tokenVolume.ReplaceAllString(text, "kube-api-access") + "\n", err
}

// admit gives the Job's pod as it would be stored.
func (d *demo) admit(ctx context.Context, job *batchv1.Job, annotations map[string]string) (*corev1.Pod, error) {
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: job.Name, Namespace: namespace, Annotations: annotations},
		Spec:       *job.Spec.Template.Spec.DeepCopy(),
	}
	if err := d.client.Create(ctx, pod, client.DryRunAll); err != nil {
		return nil, fmt.Errorf("show the pod: %w", err)
	}
	return pod, nil
}
