package realsdk

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"cloud.google.com/go/compute/metadata"

	"lighterman.dev/lighterman/e2e/harness/pki"
	"lighterman.dev/lighterman/e2e/oracle"
)

// OtherMetadataServer is where a metadata server answers that is not the machine's.
const OtherMetadataServer = "169.254.169.111"

// Clouds are the stand-ins, and the files of the containers that ask them.
type Clouds struct {
	ca   *pki.CA
	dir  string
	tls  string // the address that answers for every name
	home string

	mu    sync.Mutex
	certs map[string]*tls.Certificate
	// pem and keys are what files hold, by name: keys are costly to make.
	pem  map[string]pki.KeyPair
	keys map[string][]byte
}

// StartForTest starts the stand-ins. The test must be InNamespace.
func StartForTest(tb testing.TB) *Clouds {
	tb.Helper()
	ca, err := pki.NewCA("stand-ins")
	if err != nil {
		tb.Fatal(err)
	}
	c := &Clouds{
		ca: ca, dir: tb.TempDir(), home: tb.TempDir(),
		certs: map[string]*tls.Certificate{}, pem: map[string]pki.KeyPair{}, keys: map[string][]byte{},
	}
	c.serve(tb, listen(tb, "169.254.169.254:80"), machine("Node"))
	c.serve(tb, listen(tb, OtherMetadataServer+":80"), machine(string(oracle.OtherMetadataServer)))
	for _, address := range []string{"169.254.170.2:80", "169.254.170.23:80", "127.0.0.1:80"} {
		c.serve(tb, listen(tb, address), http.HandlerFunc(agent))
	}
	onGoogleMachine(tb)
	names := listen(tb, "127.0.0.1:443")
	c.tls = names.Addr().String()
	c.serve(tb, tls.NewListener(names, &tls.Config{GetCertificate: c.certificate, MinVersion: tls.VersionTLS12}), c.tokenServices())
	return c
}

// onGoogleMachine lets Google's libraries find out once that they run on a machine of Google's: they remember it. By themselves they ask
// DNS, too, which this namespace does not have, and the first answer counts (compute/metadata v0.10.0, OnGCEWithContext).
func onGoogleMachine(tb testing.TB) {
	tb.Helper()
	const variable = "GCE_METADATA_HOST"
	setenv(tb, variable, "169.254.169.254")
	if !metadata.OnGCE() {
		tb.Fatal("Google's libraries do not take this for a machine of Google's")
	}
	if err := os.Unsetenv(variable); err != nil {
		tb.Fatal(err)
	}
}

func listen(tb testing.TB, address string) net.Listener {
	tb.Helper()
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", address)
	if err != nil {
		tb.Fatal(err)
	}
	return listener
}

func (c *Clouds) serve(tb testing.TB, listener net.Listener, handler http.Handler) {
	tb.Helper()
	server := &http.Server{Handler: handler} //nolint:gosec // on loopback, for a test
	go func() { _ = server.Serve(listener) }()
	tb.Cleanup(func() { _ = server.Close() })
}

// certificate returns one for the name that the client asks for.
func (c *Clouds) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found := c.certs[hello.ServerName]; found != nil {
		return found, nil
	}
	pair, err := c.ca.Issue(pki.Leaf{CommonName: "stand-in", DNSNames: []string{hello.ServerName}})
	if err != nil {
		return nil, err
	}
	made, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
	if err != nil {
		return nil, err
	}
	c.certs[hello.ServerName] = &made
	return &made, nil
}

// dial leads every name to the stand-ins, and leaves addresses as they are.
func (c *Clouds) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if host, _, err := net.SplitHostPort(address); err == nil && net.ParseIP(host) == nil {
		address = c.tls
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// configure makes an SDK's transport trust and reach the stand-ins.
func (c *Clouds) configure(t *http.Transport) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.ca.CertPEM())
	t.DisableKeepAlives = true // Each run makes a client of its own.
	t.Proxy, t.DialContext, t.TLSClientConfig = nil, c.dial, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

func (c *Clouds) client() *http.Client {
	transport := &http.Transport{}
	c.configure(transport)
	return &http.Client{Transport: transport}
}

// Take returns who the SDKs of the row are, run with the environment and the files: one answer from each SDK, as
// oracle.Taken.Who, and the error of one that fails. It changes the environment of this process.
func (c *Clouds) Take(ctx context.Context, tb testing.TB, store string, env oracle.Env, files oracle.Files) []Answer {
	tb.Helper()
	c.write(tb, files)
	before := os.Environ()
	defer restore(tb, before)
	os.Clearenv()
	setenv(tb, "HOME", c.home)
	for name, value := range env.Values() {
		if _, isFile := files[value]; isFile {
			value = filepath.Join(c.dir, value)
		}
		setenv(tb, name, value)
	}
	var answers []Answer
	for _, sdk := range sdks[store] {
		who, err := sdk.take(c, ctx)
		if err != nil {
			who = string(oracle.Failed)
		}
		answers = append(answers, Answer{SDK: sdk.name, Who: who, Err: err})
	}
	return answers
}

// Answer is what one SDK took.
type Answer struct {
	SDK string
	Who string
	Err error
}

var sdks = map[string][]struct {
	name string
	take func(*Clouds, context.Context) (string, error)
}{
	"s3":    {{"aws-sdk-go-v2", (*Clouds).takeAWS}},
	"azure": {{"azidentity", (*Clouds).takeAzure}},
	"gcs":   {{"golang.org/x/oauth2/google", (*Clouds).takeOAuth2}, {"cloud.google.com/go/auth", (*Clouds).takeAuth}},
}

func setenv(tb testing.TB, name, value string) {
	tb.Helper()
	if err := os.Setenv(name, value); err != nil { //nolint:usetesting // all of it is restored at once
		tb.Fatal(err)
	}
}

func restore(tb testing.TB, environ []string) {
	tb.Helper()
	os.Clearenv()
	for _, e := range environ {
		for i := 1; i < len(e); i++ {
			if e[i] == '=' {
				setenv(tb, e[:i], e[i+1:])
				break
			}
		}
	}
}
