package azure_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/go-jose/go-jose/v4/jwt"
	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/test/podtest"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
	uploaderazure "lighterman.dev/lighterman/uploader/azure"
	"lighterman.dev/lighterman/uploader/transport"

	"lighterman.dev/lighterman/e2e/fakecloud/azure"
	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
	"lighterman.dev/lighterman/e2e/fakecloud/identity/identitytest"
	"lighterman.dev/lighterman/e2e/harness/pki"
)

const (
	boundTenant = "11111111-2222-4333-8444-555555555555"
	boundClient = "66666666-7777-4888-9999-000000000000"
	proxyName   = "a0123456789abcdef.ests.aks"
	storage     = "https://storage.azure.com"
)

// binding is a cluster whose token proxy knows one managed identity.
type binding struct {
	*testing.T

	cluster *identitytest.Cluster
	signer  *identity.Signer
	// proxy is the token proxy's URL, and ca the file with its authority.
	proxy, ca string
	// token is the pod's token, as the kubelet writes it.
	token string
}

func newBinding(t *testing.T) *binding {
	t.Helper()
	signer, err := identity.NewSigner()
	if err != nil {
		t.Fatal(err)
	}
	b := &binding{T: t, cluster: identitytest.New(t), signer: signer}
	known := &directory.Directory{}
	known.Add(directory.Entries{
		Applications:     []directory.Application{{TenantID: boundTenant, ClientID: boundClient}},
		IdentityBindings: []directory.IdentityBinding{{TenantID: boundTenant, ClientID: boundClient, Subject: identitytest.Subject}},
	})
	proxy := &azure.TokenProxy{
		Entra: &azure.Entra{Directory: known, Cluster: b.cluster.Verifier(), Signer: signer}, Name: proxyName,
	}
	b.proxy, b.ca = b.serve(proxy.Handler(), proxyName)
	b.token = b.write("token", b.cluster.Token(t, azure.BindingAudience))
	return b
}

// serve serves names of a private authority on loopback, and returns the URL and the authority's file.
func (b *binding) serve(handler http.Handler, names ...string) (url, ca string) {
	b.Helper()
	authority, err := pki.NewCA("cluster")
	if err != nil {
		b.Fatal(err)
	}
	pair, err := authority.Issue(pki.Leaf{CommonName: names[0], DNSNames: names, IPs: []net.IP{net.IPv6loopback}})
	if err != nil {
		b.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	b.Cleanup(server.Close)
	return server.URL, b.write("ca.crt", string(authority.CertPEM()))
}

func (b *binding) write(name, text string) string {
	b.Helper()
	file := filepath.Join(b.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return file
}

// inject returns a pod with a profile for this cluster.
func (b *binding) inject(rest string) *corev1.Pod {
	b.Helper()
	p, err := profile.Parse([]byte(`{apiVersion: lighterman.dev/v1alpha1, kind: CredentialProfile, metadata: {name: pg, namespace: team}, spec: {
		azure: {storageAccount: backups, container: pgc, auth: {workloadIdentity: {clientID: ` + boundClient + `, tenantID: ` + boundTenant + `,
			identityBinding: {sniName: ` + proxyName + `, tokenProxy: "` + b.proxy + `"}}}}` + rest + `}}`))
	if err != nil {
		b.Fatal(err)
	}
	raw := []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"backup","namespace":"team"},
		"spec":{"serviceAccountName":"backup","containers":[{"name":"dump","command":["dump"]}]}}`)
	pod, err := injector.ParsePod(raw)
	if err != nil {
		b.Fatal(err)
	}
	result, err := injector.Inject(pod, p, injector.Settings{Version: "test", UploaderImage: "uploader:test"})
	if err != nil {
		b.Fatal(err)
	}
	var typed corev1.Pod
	if err := json.Unmarshal(podtest.Apply(b, raw, result.Operations), &typed); err != nil {
		b.Fatal(err)
	}
	return &typed
}

// here returns a value of the pod with the paths of its files as they are here.
func (b *binding) here(value string) string {
	value = strings.ReplaceAll(value, injector.MountPath+"/token-proxy-ca.crt", b.ca)
	return strings.ReplaceAll(value, injector.MountPath+"/token", b.token)
}

// TestIdentityBindingWithSDK has azidentity's WorkloadIdentityCredential ask the token proxy with nothing but what is injected.
// DefaultAzureCredential takes the same variables to Entra ID itself.
func TestIdentityBindingWithSDK(t *testing.T) {
	b := newBinding(t)
	for _, v := range b.inject("").Spec.Containers[0].Env {
		t.Setenv(v.Name, b.here(v.Value))
	}
	ask := func() (azcore.AccessToken, error) {
		credential, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			EnableAzureProxy: true,
			ClientOptions:    policy.ClientOptions{Retry: policy.RetryOptions{MaxRetries: -1}},
		})
		if err != nil {
			return azcore.AccessToken{}, err
		}
		return credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{storage + "/.default"}})
	}
	got, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	if access, err := b.signer.Verify(got.Token, storage); err != nil || access.AppID != boundClient {
		t.Errorf("the token is for %+v: %v", access, err)
	}

	asked := &noNetwork{}
	chain, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: policy.ClientOptions{Transport: asked, Retry: policy.RetryOptions{MaxRetries: -1}}, DisableInstanceDiscovery: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = chain.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{storage + "/.default"}})
	if err == nil || asked.host != "login.microsoftonline.com" {
		t.Errorf("DefaultAzureCredential asked %q: %v", asked.host, err)
	}

	t.Run("another name", func(t *testing.T) {
		t.Setenv("AZURE_KUBERNETES_SNI_NAME", "b.ests.aks")
		refused(t, ask, "b.ests.aks")
	})
	t.Run("another authority", func(t *testing.T) {
		_, other := b.serve(http.NotFoundHandler(), proxyName)
		t.Setenv("AZURE_KUBERNETES_CA_FILE", other)
		refused(t, ask, "unknown authority")
	})
	t.Run("a token for Entra ID", func(t *testing.T) {
		t.Setenv("AZURE_FEDERATED_TOKEN_FILE", b.write("token", b.cluster.Token(t, "api://AzureADTokenExchange")))
		refused(t, ask, "AADSTS700212")
	})
	t.Run("another service account", func(t *testing.T) {
		t.Setenv("AZURE_FEDERATED_TOKEN_FILE", b.write("token", b.cluster.Token(t, azure.BindingAudience, identitytest.OtherSubject)))
		refused(t, ask, "no identity binding")
	})
	t.Run("an expired token", func(t *testing.T) {
		t.Setenv("AZURE_FEDERATED_TOKEN_FILE", b.write("token", b.cluster.Token(t, azure.BindingAudience, identitytest.Expired)))
		refused(t, ask, "AADSTS700024")
	})
}

// noNetwork notes who would be asked.
type noNetwork struct{ host string }

// Do is azcore's policy.Transporter.
func (n *noNetwork) Do(r *http.Request) (*http.Response, error) {
	n.host = r.URL.Host
	return nil, errors.New("no network")
}

func refused(t *testing.T, ask func() (azcore.AccessToken, error), want string) {
	t.Helper()
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestIdentityBindingWithUploader has the uploader reach a blob with nothing but what is in its container's configuration, and has
// it refused where the token proxy refuses it. It reads the token anew each time.
func TestIdentityBindingWithUploader(t *testing.T) {
	b := newBinding(t)
	for name, value := range map[string]string{ // Of another webhook: the uploader reads none.
		"AZURE_KUBERNETES_TOKEN_PROXY": "https://decoy.invalid", "AZURE_FEDERATED_TOKEN_FILE": "/decoy", "AZURE_CLIENT_ID": "decoy",
	} {
		t.Setenv(name, value)
	}
	var who string
	blobs, blobsCA := b.serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		access, err := b.signer.Verify(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), storage)
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		who = access.AppID
	}), "backups.blob.core.windows.net")
	for _, c := range b.inject(", uploader: {path: /backup}").Spec.InitContainers {
		t.Run(c.Name, func(t *testing.T) {
			config, err := uploader.ParseConfig(b.here(c.Env[0].Value))
			if err != nil {
				t.Fatal(err)
			}
			config.Azure.Endpoint = blobs
			stat := func() error {
				store, err := uploaderazure.New(*config.Azure, transport.Options{CAFile: blobsCA, ServerName: "backups.blob.core.windows.net"})
				if err != nil {
					return err
				}
				_, err = store.Stat(t.Context(), "key")
				return err
			}
			who = ""
			if err := stat(); err != nil || who != boundClient {
				t.Errorf("came as %q: %v", who, err)
			}
			for want, change := range map[string]func(*jwt.Claims){
				"AADSTS700212":        identitytest.OtherAudience,
				"no identity binding": identitytest.OtherSubject,
				"AADSTS700024":        identitytest.Expired,
			} {
				good, err := os.ReadFile(b.token)
				if err != nil {
					t.Fatal(err)
				}
				bad := b.cluster.Token(t, azure.BindingAudience, change)
				if err := os.WriteFile(b.token, []byte(bad), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := stat(); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %s", err, want)
				}
				if err := os.WriteFile(b.token, good, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			config.Azure.Auth.SNIName = "b.ests.aks"
			if err := stat(); err == nil || !strings.Contains(err.Error(), "b.ests.aks") {
				t.Errorf("another name: %v", err)
			}
		})
	}
}
