package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/go-jose/go-jose/v4"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"lighterman.dev/lighterman/e2e/fakecloud/aws"
	"lighterman.dev/lighterman/e2e/fakecloud/azure"
	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/google"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
	"lighterman.dev/lighterman/e2e/fakecloud/names"
	"lighterman.dev/lighterman/e2e/fakecloud/proxy"
)

// clouds is all that is served, over one directory.
type clouds struct {
	directory directory.Directory
	cluster   identity.Verifier
	signer    *identity.Signer
	kube      kubernetes.Interface
	sts       *sts.Client
	stores    map[names.Service]http.Handler
	// addresses are the stores', host and port.
	addresses []string
}

func newClouds(ctx context.Context, o options) (*clouds, error) {
	c := &clouds{stores: map[names.Service]http.Handler{}}
	var err error
	if c.signer, err = identity.NewSigner(); err != nil {
		return nil, err
	}
	for _, store := range []struct {
		service names.Service
		url, ca string
	}{
		{names.Blob, o.blob, filepath.Join(o.tls, "ca.crt")},
		{names.GCS, o.gcs, ""},
		{names.S3, o.s3, o.storeCA},
		{names.STS, o.sts, o.storeCA},
	} {
		if c.stores[store.service], err = newProxy(store.url, store.ca); err != nil {
			return nil, fmt.Errorf("lead to %s: %w", store.service, err)
		}
		u, err := url.Parse(store.url)
		if err != nil {
			return nil, fmt.Errorf("lead to %s: %w", store.service, err)
		}
		c.addresses = append(c.addresses, u.Host)
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	if c.kube, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("connect to cluster: %w", err)
	}
	if c.sts, err = newSTS(o); err != nil {
		return nil, err
	}
	c.cluster, err = newVerifier(ctx, c.kube)
	return c, err
}

func newProxy(target, caFile string) (http.Handler, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	if caFile == "" {
		return proxy.To(u, nil), nil
	}
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", caFile)
	}
	return proxy.To(u, &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}), nil
}

// newVerifier asks the API server who signs the tokens. The keys are asked for again with each token.
func newVerifier(ctx context.Context, kube kubernetes.Interface) (identity.Verifier, error) {
	get := func(ctx context.Context, path string, into any) error {
		data, err := kube.Discovery().RESTClient().Get().AbsPath(path).DoRaw(ctx)
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			return fmt.Errorf("ask API server for %s: %w", path, err)
		}
		return nil
	}
	var discovery struct {
		Issuer string `json:"issuer"`
	}
	if err := get(ctx, "/.well-known/openid-configuration", &discovery); err != nil {
		return identity.Verifier{}, err
	}
	return identity.Verifier{Issuer: discovery.Issuer, Keys: func(ctx context.Context) (*jose.JSONWebKeySet, error) {
		var keys jose.JSONWebKeySet
		return &keys, get(ctx, "/openid/v1/jwks", &keys)
	}}, nil
}

// byName leads each host name to its service.
func (c *clouds) byName() http.Handler {
	tokens := google.Tokens{Directory: &c.directory, Signer: c.signer}
	services := map[names.Service]http.Handler{
		names.Entra:       (&azure.Entra{Directory: &c.directory, Cluster: c.cluster, Signer: c.signer}).Handler(),
		names.Blob:        &azure.Blob{Directory: &c.directory, Signer: c.signer, Next: c.stores[names.Blob]},
		names.Exchange:    (&google.Exchange{Tokens: tokens, Cluster: c.cluster}).Handler(),
		names.Credentials: tokens.Credentials(),
		names.OAuth:       tokens.OAuth(),
		names.GCS:         &google.Storage{Tokens: tokens, Next: c.stores[names.GCS]},
		names.S3:          c.stores[names.S3],
		names.STS:         &aws.STS{Directory: &c.directory, Next: c.stores[names.STS], Client: c.sts},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		service, ok := names.Find(r.Host)
		if !ok {
			http.Error(w, "nothing is served as "+r.Host, http.StatusMisdirectedRequest)
			return
		}
		slog.Info("Request", "service", service, "method", r.Method, "host", r.Host, "path", r.URL.Path)
		services[service].ServeHTTP(w, r)
	})
}
