package upload_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"lighterman.dev/lighterman/uploader"

	"lighterman.dev/lighterman/e2e/harness/require"
)

// The link-local addresses of the clouds, and those of a proxy and a store behind it.
const (
	agentIP    = "169.254.170.23"
	agentIPv6  = "fd00:ec2::23"
	metadataIP = "169.254.169.254"
	proxyIP    = "10.99.0.1"
	storeURL   = "http://10.99.0.9:9000"
)

// node is a network of its own with the addresses of every cloud's metadata service and agent, and with a proxy.
type node struct {
	mu sync.Mutex
	// proxied and asked are the URLs of the requests that came to the proxy and to the link-local addresses.
	proxied, asked []string
}

// newNode moves the test's thread into a new network namespace: what it listens on and starts is there.
func newNode(t *testing.T) *node {
	t.Helper()
	runtime.LockOSThread() // For good: the thread ends with the test.
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		require.Skip(t, fmt.Sprintf("a network of its own, which needs root: %v", err))
	}
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	for _, ip := range []string{agentIP + "/32", metadataIP + "/32", proxyIP + "/32", agentIPv6 + "/128"} {
		address, err := netlink.ParseAddr(ip)
		if err != nil {
			t.Fatal(err)
		}
		address.Flags = unix.IFA_F_NODAD
		if err := netlink.AddrAdd(lo, address); err != nil {
			t.Fatal(err)
		}
	}
	n := &node{}
	for _, ip := range []string{agentIP, metadataIP, agentIPv6} {
		n.listen(t, net.JoinHostPort(ip, "80"), n.metadata)
	}
	n.listen(t, proxyIP+":8080", n.proxy)
	return n
}

func (n *node) listen(t *testing.T, address string, handler http.HandlerFunc) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	t.Cleanup(func() { server.Close() })
	go server.Serve(l)
}

// proxy refuses what comes through it.
func (n *node) proxy(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.proxied = append(n.proxied, r.Method+" "+r.RequestURI)
	w.WriteHeader(http.StatusForbidden)
}

// credentials are the answers of the agent of EKS Pod Identity, and of the metadata services, by the beginning of their path.
var credentials = map[string]string{
	"/v1/credentials":   `{"AccessKeyId": "id", "SecretAccessKey": "secret", "Token": "t", "Expiration": "2126-01-01T00:00:00Z"}`,
	"/latest/api/token": "session",
	"/latest/meta-data/iam/security-credentials/": "role",
	"/latest/meta-data/iam/security-credentials/role": `{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "id", "SecretAccessKey": "secret", "Token": "t",
		"LastUpdated": "2026-01-01T00:00:00Z", "Expiration": "2126-01-01T00:00:00Z"}`,
	"/metadata/identity/oauth2/token":                             `{"access_token": "t", "expires_in": "3600", "expires_on": "4922000000", "token_type": "Bearer", "resource": "https://storage.azure.com"}`,
	"/computeMetadata/v1/instance/service-accounts/default/token": `{"access_token": "t", "expires_in": 3600, "token_type": "Bearer"}`,
}

func (n *node) metadata(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, r.Method+" "+r.Host+r.URL.Path)
	w.Header().Set("Metadata-Flavor", "Google")
	w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "3600")
	text, ok := credentials[r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
	}
	io.WriteString(w, text)
}

// TestLinkLocalIsNotProxied runs the uploader behind a proxy in each auth mode that asks a link-local address: no such request
// reaches the proxy, and all of the store's do.
func TestLinkLocalIsNotProxied(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("the pod's token"), 0o600); err != nil {
		t.Fatal(err)
	}
	s3 := func(a uploader.Auth) uploader.Config {
		return uploader.Config{S3: &uploader.S3{Bucket: "b", Region: "eu-west-1", Endpoint: storeURL, ForcePathStyle: true, Auth: a}}
	}
	for name, test := range map[string]struct {
		config uploader.Config
		asked  string
	}{
		"podIdentity": {s3(uploader.Auth{Mode: "podIdentity", TokenFile: token}), "GET " + agentIP + "/v1/credentials"},
		"podIdentity, IPv6": {
			s3(uploader.Auth{Mode: "podIdentity", TokenFile: token, CredentialsURL: "http://[" + agentIPv6 + "]/v1/credentials"}),
			"GET [" + agentIPv6 + "]/v1/credentials",
		},
		"ambient": {s3(uploader.Auth{Mode: "ambient"}), "GET " + metadataIP + "/latest/meta-data/iam/security-credentials/role"},
		"managedIdentity": {
			uploader.Config{Azure: &uploader.Azure{Container: "c", Endpoint: storeURL, Auth: uploader.Auth{Mode: "managedIdentity"}}},
			"GET " + metadataIP + "/metadata/identity/oauth2/token",
		},
		"gkeWorkloadIdentity": {
			uploader.Config{GCS: &uploader.GCS{Bucket: "b", Endpoint: storeURL, Auth: uploader.Auth{Mode: "gkeWorkloadIdentity"}}},
			"GET " + metadataIP + "/computeMetadata/v1/instance/service-accounts/default/token",
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			c := test.config
			c.Spool, c.Directory = t.TempDir(), t.TempDir()
			// Google's library looks the metadata server's name up otherwise, and there is no DNS here.
			env := []string{"GCE_METADATA_HOST=" + metadataIP, "HOME=" + t.TempDir(), uploader.EnvConfig + "=" + c.String(), uploader.EnvPodNamespace + "=ns", uploader.EnvPodName + "=pod", uploader.EnvPodUID + "=uid"}
			for _, variable := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
				env = append(env, variable+"=http://"+proxyIP+":8080")
			}
			start(t, env, "doctor", "--patience=3s").code()
			n.mu.Lock()
			defer n.mu.Unlock()
			if !strings.Contains(strings.Join(n.asked, "\n"), test.asked) {
				t.Errorf("%s was not asked: %q", test.asked, n.asked)
			}
			if len(n.proxied) == 0 {
				t.Error("the store was not asked through the proxy")
			}
			for _, r := range n.proxied {
				if _, url, _ := strings.Cut(r, " "); !strings.HasPrefix(url, storeURL) {
					t.Errorf("the proxy got %s", r)
				}
			}
		})
	}
}
