package lightermancmd

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/test/apiserver"
	"lighterman.dev/lighterman/webhook"
)

// flooded is the real program beside a real API server, as the chart starts it, with no authentication of API
// servers: the worst case.
type flooded struct {
	cmd     *exec.Cmd
	address string
	log     bytes.Buffer
	ended   chan error
}

// memoryLimit is that of the chart's values: the chart sets GOMEMLIMIT from it.
const memoryLimit = "256MiB"

func startFlooded(t *testing.T) *flooded {
	t.Helper()
	cfg := apiserver.Start(t, filepath.Join("..", "..", "..", "charts", "lighterman", "files", "crds"))
	makeObjects(t, cfg)
	dir := t.TempDir()
	program := filepath.Join(dir, "lighterman")
	build := exec.CommandContext(t.Context(), "go", "build", "-tags=lighterman_image", "-o", program, "lighterman.dev/lighterman")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	writeKubeconfig(t, cfg, kubeconfig)
	writeServingCertificate(t, dir)
	port, health := freePort(t), freePort(t)
	f := &flooded{address: "127.0.0.1:" + strconv.Itoa(port), ended: make(chan error, 1)}
	// It ends through SIGTERM, as in a cluster, and not with the context.
	f.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), program, "webhook", "--port="+strconv.Itoa(port),
		"--health-address=127.0.0.1:"+strconv.Itoa(health), "--metrics-address=0", "--namespace=lighterman-system",
		"--certs=files", "--certs-dir="+dir, "--image=lighterman:v0", "--uploader-image=uploader:v0", "--shutdown-delay=0s")
	f.cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "GOMEMLIMIT="+memoryLimit)
	f.cmd.Stdout, f.cmd.Stderr = &f.log, &f.log
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { f.ended <- f.cmd.Wait() }()
	t.Cleanup(func() {
		_ = f.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-f.ended:
			if err != nil {
				t.Errorf("the program ended: %v\n%.4000s", err, f.log.String())
			}
		case <-time.After(40 * time.Second):
			_ = f.cmd.Process.Kill()
			t.Error("the program did not end within 40 seconds of SIGTERM")
		}
		if f.log.Len() > 1<<20 {
			t.Errorf("the log has %d KiB: what strangers cause is logged at a bounded rate", f.log.Len()>>10)
		}
	})
	f.waitReady(t, "http://127.0.0.1:"+strconv.Itoa(health)+"/readyz")
	return f
}

func (f *flooded) waitReady(t *testing.T, url string) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for time.Now().Before(deadline) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("not ready: %.4000s", f.log.String())
}

// makeObjects makes a namespace that is opted in, and the profiles of the floods: one with as much as the CRD allows.
func makeObjects(t *testing.T, cfg *rest.Config) {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := errors.Join(corev1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	admin, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	spec := v1alpha1.CredentialProfileSpec{S3: &v1alpha1.S3Store{
		Bucket: "pg-backups", Region: "eu-west-1", Auth: v1alpha1.S3Auth{PodIdentity: &v1alpha1.S3PodIdentity{}},
	}}
	fat := spec
	for i := range 64 {
		fat.Env = append(fat.Env, v1alpha1.EnvVar{Name: fmt.Sprintf("V%02d", i), Value: strings.Repeat("<", 509)})
	}
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "lighterman-system"}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "payments", Labels: map[string]string{"lighterman.dev/injection": "selected"}}},
		&v1alpha1.CredentialProfile{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "lean"}, Spec: spec},
		&v1alpha1.CredentialProfile{ObjectMeta: metav1.ObjectMeta{Namespace: "payments", Name: "fat"}, Spec: fat},
	} {
		if err := admin.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

func writeKubeconfig(t *testing.T, cfg *rest.Config, path string) {
	t.Helper()
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"c": {Server: cfg.Host, CertificateAuthorityData: cfg.CAData}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {ClientCertificateData: cfg.CertData, ClientKeyData: cfg.KeyData}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}, path)
	if err != nil {
		t.Fatal(err)
	}
}

func writeServingCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "lighterman"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"lighterman.lighterman-system.svc"}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// strangers trust any certificate: what they want is not to be safe.
func strangers(protocols ...string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: protocols}
}

// dialFrom opens a connection from another address of this machine, as another pod would.
func (f *flooded) dialFrom(ctx context.Context, source string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	return dialer.DialContext(ctx, "tcp", f.address)
}

// open opens a TLS connection of a stranger.
func (f *flooded) open(ctx context.Context) (*tls.Conn, error) {
	c, err := f.dialFrom(ctx, "127.0.0.66")
	if err != nil {
		return nil, err
	}
	secure := tls.Client(c, strangers())
	_ = secure.SetDeadline(time.Now().Add(20 * time.Second))
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return secure, nil
}

// client is one that posts reviews, from the address.
func (f *flooded) client(source string) *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: strangers(), MaxIdleConnsPerHost: 16,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return f.dialFrom(ctx, source) },
	}}
}

func (f *flooded) post(ctx context.Context, c *http.Client, body io.Reader) (*admissionv1.AdmissionResponse, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+f.address+webhook.Path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(text, &review); err != nil || review.Response == nil {
		return nil, fmt.Errorf("%w: %.200s", err, text)
	}
	return review.Response, nil
}

// resident is the process's memory, and the most that it has had since resetPeak, in MiB.
func (f *flooded) resident(t *testing.T) (now, peak int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.cmd.Process.Pid))
	if err != nil {
		t.Fatalf("the program has gone: %v\n%.4000s", err, f.log.String())
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		for name, to := range map[string]*int{"VmRSS:": &now, "VmHWM:": &peak} {
			if len(fields) == 3 && fields[0] == name {
				kib, err := strconv.Atoi(fields[1])
				if err != nil {
					t.Fatal(err)
				}
				*to = kib >> 10
			}
		}
	}
	if peak == 0 {
		t.Fatalf("no VmHWM in %s", text)
	}
	return now, peak
}

func (f *flooded) resetPeak(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", f.cmd.Process.Pid), []byte("5"), 0o600); err != nil {
		t.Fatal(err)
	}
}
