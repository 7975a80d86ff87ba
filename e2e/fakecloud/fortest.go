package fakecloud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"lighterman.dev/lighterman/e2e/harness/cluster"
	"lighterman.dev/lighterman/e2e/harness/require"
	"lighterman.dev/lighterman/e2e/harness/store"
	"lighterman.dev/lighterman/e2e/harness/tools"
)

// ForTest installs the clouds in the cluster, or finds them there. What cannot be ends the test through package require.
func ForTest(tb testing.TB, target *cluster.Target, s3 *store.Store) *Cloud {
	tb.Helper()
	b, err := tools.NewBuilder(tb.Output())
	if err != nil {
		tb.Fatal(err)
	}
	images, err := Deliver(tb.Context(), b, target)
	for _, missing := range []error{cluster.ErrNoRepository, tools.ErrNoNPM} {
		if errors.Is(err, missing) {
			require.Skip(tb, missing.Error())
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	c, err := Install(tb.Context(), target.REST, s3, Options{Images: images, Timeout: 3 * time.Minute})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// Deliver builds the images and makes them available to the cluster's pods.
func Deliver(ctx context.Context, b *tools.Builder, target *cluster.Target) (Images, error) {
	var images Images
	program, err := buildProgram(ctx, b)
	if err != nil {
		return images, err
	}
	digest, err := program.Digest()
	if err != nil {
		return images, fmt.Errorf("digest of %s: %w", programImage, err)
	}
	images.ProgramDigest = digest.String()
	if images.Program, err = target.Deliver(ctx, programImage, program); err != nil {
		return images, err
	}
	azurite, err := b.Azurite(ctx)
	if err != nil {
		return images, err
	}
	if images.Azurite, err = deliverTool(ctx, target, azurite, azuriteImage); err != nil {
		return images, err
	}
	gcs, err := b.Build(ctx, tools.FakeGCSServer())
	if err != nil {
		return images, err
	}
	images.GCS, err = deliverTool(ctx, target, gcs, gcsImage)
	return images, err
}

// deliverTool does nothing for an image that runs in the local cluster already: to pack and send node takes seconds.
func deliverTool(ctx context.Context, target *cluster.Target, dir string, build func(dir string) (v1.Image, error)) (string, error) {
	name := toolImage(dir)
	if target.Local != nil {
		running, err := runs(ctx, target.REST, name)
		if err != nil || running {
			return name, err
		}
	}
	img, err := build(dir)
	if err != nil {
		return "", err
	}
	return target.Deliver(ctx, name, img)
}

// runs reports whether a container of the clouds' pod runs the image.
func runs(ctx context.Context, config *rest.Config, image string) (bool, error) {
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", image, err)
	}
	pods, err := kube.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector()})
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", image, err)
	}
	return slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool {
		return slices.ContainsFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
			return s.State.Running != nil && s.Image == image
		})
	}), nil
}
