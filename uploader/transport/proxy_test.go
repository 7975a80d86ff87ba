package transport_test

import (
	"net/http"
	"testing"

	"lighterman.dev/lighterman/uploader/transport"
)

// TestProxy finds the proxy for addresses that may, and those that must not go through one.
func TestProxy(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, "http://proxy.example:8080")
	}
	t.Setenv("NO_PROXY", "")
	t.Setenv("no_proxy", "inside.example,10.0.0.0/8")
	proxy := transport.NewProxy()
	for url, proxied := range map[string]bool{
		"http://169.254.170.23/v1/credentials":       false,
		"http://169.254.169.254/metadata":            false,
		"http://169.254.0.1:8080/":                   false,
		"http://[fd00:ec2::23]/v1/credentials":       false,
		"http://[fd00:ec2::254]/latest":              false,
		"http://[fd20:ce::254]/":                     false,
		"http://[fe80::1]/":                          false,
		"http://[fe80::1%25eth0]/":                   false,
		"http://[::ffff:169.254.169.254]/":           false,
		"http://[::1]:9000/":                         false,
		"http://127.0.0.1:9000/":                     false,
		"http://127.9.9.9/":                          false,
		"http://localhost:9000/":                     false,
		"http://metadata.google.internal/":           false,
		"http://METADATA.GOOGLE.INTERNAL./":          false,
		"http://metadata/":                           false,
		"https://inside.example/":                    false,
		"https://10.1.2.3/":                          false,
		"https://s3.eu-west-1.amazonaws.com/":        true,
		"http://minio.storage.svc:9000/":             true,
		"http://169.253.255.255/":                    true,
		"http://169.255.0.1/":                        true,
		"http://[fd00:ec3::23]/":                     true,
		"http://[2001:db8::1]/":                      true,
		"http://192.168.1.1/":                        true,
		"http://metadata.google.internal.example/":   true,
		"http://169.254.169.254.nip.example/":        true,
		"https://sts.amazonaws.com/":                 true,
		"https://login.microsoftonline.com/common":   true,
		"https://storage.googleapis.com/upload/x/y?": true,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		got, err := proxy(req)
		if err != nil || (got != nil) != proxied {
			t.Errorf("%s: got %v, %v; through a proxy: want %v", url, got, err, proxied)
		}
	}
}

// TestProxyOfAllProtocols has ALL_PROXY, which counts where the protocol has none of its own.
func TestProxyOfAllProtocols(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY"} {
		t.Setenv(name, "")
	}
	t.Setenv("https_proxy", "http://secure.example:8080")
	t.Setenv("all_proxy", "socks5://all.example:1080")
	proxy := transport.NewProxy()
	for url, want := range map[string]string{
		"http://minio.storage.svc:9000/": "socks5://all.example:1080", "https://s3.eu-west-1.amazonaws.com/": "http://secure.example:8080",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := proxy(req); err != nil || got == nil || got.String() != want {
			t.Errorf("%s: got %v, %v, want %s", url, got, err, want)
		}
	}
}
