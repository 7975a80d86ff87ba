package fakecloud

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"lighterman.dev/lighterman/e2e/harness/deploy"
	"lighterman.dev/lighterman/e2e/harness/store"
)

// Fixed names, so that manifests in tests can say them.
const (
	Namespace = "public-cloud"
	Service   = "cloud"
)

// Options are for Install.
type Options struct {
	// Images are what BuildImages built, as the cluster knows them.
	Images Images
	// Timeout bounds the wait for the pod. Zero is two minutes.
	Timeout time.Duration
}

// Images are the names of the pod's images. Program is that of e2e/cmd/cloud.
type Images struct {
	Program, Azurite, GCS string
	// ProgramDigest renews the pod when the program has changed under the same name.
	ProgramDigest string
}

// Cloud is what Install installed.
type Cloud struct {
	// IP is the Service's address, for all names.
	IP string
	// Issuer is the `iss` of the cluster's service account tokens.
	Issuer string

	rest    *rest.Config
	ca      []byte
	token   string
	account string
	images  Images
	gcs     struct {
		sync.Mutex
		service *storage.Service
	}
}

// CABundle is what clients must trust, as PEM.
func (c *Cloud) CABundle() []byte { return c.ca }

// Install installs the clouds in front of an S3 store, or finds them installed already, and waits until they answer.
func Install(ctx context.Context, config *rest.Config, s3 *store.Store, o Options) (*Cloud, error) {
	if o.Images.Program == "" || o.Images.Azurite == "" || o.Images.GCS == "" {
		return nil, errors.New("install cloud: an image is not given")
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Minute
	}
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("install cloud: %w", err)
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("install cloud: %w", err)
	}
	issuer, err := s3.Issuer(ctx)
	if err != nil {
		return nil, fmt.Errorf("install cloud: %w", err)
	}
	if err := deploy.Apply(ctx, dyn, namespaceObject()); err != nil {
		return nil, fmt.Errorf("install cloud: %w", err)
	}
	secret, err := deploy.EnsureSecret(ctx, kube, Namespace, secretName, newSecretData)
	if err != nil {
		return nil, fmt.Errorf("install cloud: %w", err)
	}
	objects := append(roleObjects(), serviceAccountObject(), storeCAObject(s3.CABundle()), serviceObject(), deploymentObject(o, s3))
	if err := deploy.Apply(ctx, dyn, objects...); err != nil {
		return nil, fmt.Errorf("install cloud: %w", err)
	}
	if err := deploy.WaitAvailable(ctx, kube, Namespace, Service, o.Timeout); err != nil {
		return nil, fmt.Errorf("install cloud: %w", err)
	}
	service, err := kube.CoreV1().Services(Namespace).Get(ctx, Service, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("install cloud: %w", err)
	}
	return &Cloud{
		IP: service.Spec.ClusterIP, Issuer: issuer, rest: config, images: o.Images,
		ca: secret.Data[caKey], token: string(secret.Data[tokenKey]), account: string(secret.Data[accountKeyKey]),
	}, nil
}

// Uninstall removes the clouds, with the objects of Azure and Google and all that was registered.
func Uninstall(ctx context.Context, config *rest.Config) error {
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("uninstall cloud: %w", err)
	}
	if err := deploy.DeleteNamespace(ctx, kube, Namespace); err != nil {
		return fmt.Errorf("uninstall cloud: %w", err)
	}
	return nil
}
