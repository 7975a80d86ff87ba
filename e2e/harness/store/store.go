package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"lighterman.dev/lighterman/e2e/harness/deploy"
)

// Fixed names, so that manifests in tests can say them.
const (
	Namespace = "object-store"
	Service   = "s3"
	// S3Port and STSPort are the Service's and the pod's. IAM and STS share one.
	S3Port  = 9000
	STSPort = 9001
	// Region is the only one.
	Region = "us-east-1"

	host = Service + "." + Namespace + ".svc"
)

// Options are for Install.
type Options struct {
	// Image is what Image builds, as the cluster knows it.
	Image string
	// PullPolicy is empty for the cluster's default.
	PullPolicy corev1.PullPolicy
	// Timeout bounds the wait for the pod. Zero is two minutes.
	Timeout time.Duration
}

// Store is an installed store.
type Store struct {
	// Endpoint and STSEndpoint are the URLs for pods.
	Endpoint, STSEndpoint string
	// Root may do everything.
	Root Key

	rest *rest.Config
	kube kubernetes.Interface
	ca   []byte
}

// Key is an access key.
type Key struct{ ID, Secret string }

// CABundle is what clients must trust, as PEM.
func (s *Store) CABundle() []byte { return s.ca }

// Install installs the store, or finds the one that is installed already, and waits until it answers.
func Install(ctx context.Context, config *rest.Config, o Options) (*Store, error) {
	if o.Image == "" {
		return nil, errors.New("install store: no image given")
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Minute
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("install store: %w", err)
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("install store: %w", err)
	}
	if err := deploy.Apply(ctx, dyn, namespaceObject()); err != nil {
		return nil, fmt.Errorf("install store: %w", err)
	}
	secret, err := deploy.EnsureSecret(ctx, kube, Namespace, secretName, newSecretData)
	if err != nil {
		return nil, fmt.Errorf("install store: %w", err)
	}
	if err := deploy.Apply(ctx, dyn, serviceObject(), deploymentObject(o)); err != nil {
		return nil, fmt.Errorf("install store: %w", err)
	}
	if err := deploy.WaitAvailable(ctx, kube, Namespace, Service, o.Timeout); err != nil {
		return nil, fmt.Errorf("install store: %w", err)
	}
	return &Store{
		Endpoint:    fmt.Sprintf("https://%s:%d", host, S3Port),
		STSEndpoint: fmt.Sprintf("https://%s:%d", host, STSPort),
		Root:        Key{ID: string(secret.Data[rootIDKey]), Secret: string(secret.Data[rootSecretKey])},
		rest:        config,
		kube:        kube,
		ca:          secret.Data[caKey],
	}, nil
}

// Uninstall removes the store with all objects in it.
func Uninstall(ctx context.Context, config *rest.Config) error {
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("uninstall store: %w", err)
	}
	if err := deploy.DeleteNamespace(ctx, kube, Namespace); err != nil {
		return fmt.Errorf("uninstall store: %w", err)
	}
	return nil
}
