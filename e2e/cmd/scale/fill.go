package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/benchpod"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// payments is the namespace of the profile that the benchmark's pod names.
const payments = "payments"

// fill creates the objects of a large cluster.
func (s *server) fill(ctx context.Context, o *options) error {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return fmt.Errorf("register types: %w", err)
	}
	profiles, err := client.New(s.config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	core := s.kube.CoreV1()
	create := metav1.CreateOptions{}
	steps := []struct {
		what  string
		count int
		make  func(ctx context.Context, i int) error
	}{
		{"namespaces", o.namespaces, func(ctx context.Context, i int) error {
			_, err := core.Namespaces().Create(ctx, namespaceNumber(i), create)
			return err
		}},
		{"service accounts", o.serviceAccounts, func(ctx context.Context, i int) error {
			account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{
				Name: fmt.Sprintf("app-%d", i/max(o.namespaces, 1)), Labels: map[string]string{"app.kubernetes.io/name": "app"},
			}}
			_, err := core.ServiceAccounts(nameOf(i%max(o.namespaces, 1))).Create(ctx, account, create)
			return err
		}},
		{"profiles", o.profiles, func(ctx context.Context, i int) error {
			profile := &v1alpha1.CredentialProfile{Spec: spec(i)}
			profile.Name, profile.Namespace = "backup", nameOf(i%max(o.namespaces, 1))
			return profiles.Create(ctx, profile)
		}},
		{"cluster profiles", o.clusterProfiles, func(ctx context.Context, i int) error {
			profile := &v1alpha1.ClusterCredentialProfile{Spec: v1alpha1.ClusterCredentialProfileSpec{
				CredentialProfileSpec: spec(i), AllowedNamespaces: &metav1.LabelSelector{MatchLabels: map[string]string{"team": teamOf(i)}},
			}}
			profile.Name = fmt.Sprintf("backup-%d", i)
			return profiles.Create(ctx, profile)
		}},
		{"the benchmark's profile", 1, func(ctx context.Context, _ int) error {
			ns := namespaceNumber(0)
			ns.Name = payments
			if _, err := core.Namespaces().Create(ctx, ns, create); err != nil {
				return err
			}
			var profile v1alpha1.CredentialProfile
			if err := yaml.Unmarshal([]byte(benchpod.Profile), &profile); err != nil {
				return err
			}
			return profiles.Create(ctx, &profile)
		}},
	}
	for _, step := range steps {
		if err := parallel(ctx, step.what, step.count, o.clients, step.make); err != nil {
			return fmt.Errorf("create %s: %w", step.what, err)
		}
	}
	return nil
}

// parallel calls do for 0 to count-1 from so many goroutines, and tells how far it is.
func parallel(ctx context.Context, what string, count, clients int, do func(context.Context, int) error) error {
	if count < 0 || clients < 1 {
		return errors.New("there must be at least one client, and no fewer than 0 objects")
	}
	start := time.Now()
	var next, done atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range min(clients, count) {
		group.Go(func() error {
			for i := int(next.Add(1) - 1); i < count; i = int(next.Add(1) - 1) {
				if err := do(ctx, i); err != nil {
					return err
				}
				if n := done.Add(1); n%5000 == 0 && int(n) < count {
					fmt.Fprintf(os.Stderr, "%d of %d %s\n", n, count, what)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "created %d %s in %s\n", count, what, time.Since(start).Round(time.Second/10))
	return nil
}

func nameOf(i int) string { return fmt.Sprintf("team-%05d", i) }

func teamOf(i int) string { return fmt.Sprintf("team-%d", i%100) }

// namespaceNumber is a namespace as clusters have them: with labels of several tools, and an annotation that is longer
// than all else.
func namespaceNumber(i int) *corev1.Namespace {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: nameOf(i),
		Labels: map[string]string{
			"team": teamOf(i), "pod-security.kubernetes.io/enforce": "restricted", "app.kubernetes.io/managed-by": "Helm",
		},
		Annotations: map[string]string{"kubectl.kubernetes.io/last-applied-configuration": strings.Repeat("x", 600)},
	}}
	if i%10 == 0 {
		ns.Labels[injector.NamespaceLabel] = injector.InjectionEnabled
	}
	return ns
}

func spec(i int) v1alpha1.CredentialProfileSpec {
	s := v1alpha1.CredentialProfileSpec{
		S3: &v1alpha1.S3Store{
			Bucket: fmt.Sprintf("backups-%d", i), Prefix: "pg", Region: "eu-west-1",
			Auth: v1alpha1.S3Auth{WebIdentity: &v1alpha1.S3WebIdentity{RoleARN: fmt.Sprintf("arn:aws:iam::%012d:role/backup", i)}},
		},
		CABundle: &v1alpha1.CABundle{ConfigMap: &v1alpha1.CAKeyRef{Name: "storage-ca"}},
		Env:      []v1alpha1.EnvVar{{Name: "RESTIC_REPOSITORY", Value: "s3:$(LIGHTERMAN_ENDPOINT)/$(LIGHTERMAN_BUCKET)"}},
	}
	if i%10 == 0 {
		s.Selector = &v1alpha1.PodSelector{ServiceAccounts: []string{"app-0"}}
	}
	return s
}
