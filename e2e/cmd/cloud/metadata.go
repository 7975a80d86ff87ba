package main

import (
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"k8s.io/client-go/kubernetes"

	"lighterman.dev/lighterman/e2e/fakecloud/api"
	"lighterman.dev/lighterman/e2e/fakecloud/google"
	"lighterman.dev/lighterman/e2e/fakecloud/metadata"
)

// newSTS returns a client that needs no key: whoever asks brings a token.
func newSTS(o options) (*sts.Client, error) {
	ca, err := os.ReadFile(o.storeCA)
	if err != nil {
		return nil, fmt.Errorf("lead to %s: %w", o.sts, err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return sts.New(sts.Options{
		BaseEndpoint: &o.sts, Region: "us-east-1",
		HTTPClient: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}},
	}), nil
}

// metadata answers what link-local passes on, and nobody else.
func (c *clouds) metadata(kube kubernetes.Interface, client *sts.Client, token string) http.Handler {
	pods := metadata.Pods{Kube: kube}
	tokens := google.Tokens{Directory: &c.directory, Signer: c.signer}
	eks := (&metadata.EKS{Directory: &c.directory, Cluster: c.cluster, STS: client}).Handler()
	azure := (&metadata.Azure{Pods: pods, Directory: &c.directory, Signer: c.signer}).Handler()
	gke := (&metadata.GKE{Pods: pods, Tokens: tokens, ProjectID: api.GoogleProject, Pool: api.GKEPool}).Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == api.ReadyPath:
		case subtle.ConstantTimeCompare([]byte(r.Header.Get(api.TokenHeader)), []byte(token)) != 1:
			http.Error(w, "this did not come through a node", http.StatusUnauthorized)
		case r.Host == api.EKSAgentIP:
			eks.ServeHTTP(w, r)
		case strings.HasPrefix(r.URL.Path, "/metadata/"):
			azure.ServeHTTP(w, r)
		default:
			gke.ServeHTTP(w, r)
		}
	})
}
