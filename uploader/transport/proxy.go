package transport

import (
	"cmp"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// nodeLocalPrefixes are the addresses that only a node or its machine answers: the metadata services and identity agents of the clouds.
// A request to them carries the pod's token, or returns one, in clear text.
var nodeLocalPrefixes = []netip.Prefix{
	// EC2's and Azure's and Google's metadata is at 169.254.169.254, the EKS Pod Identity agent at 169.254.170.23.
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("fe80::/10"),
	// EC2 has its metadata at fd00:ec2::254 and the EKS Pod Identity agent at fd00:ec2::23:
	// docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html and eks/latest/userguide/pod-id-agent-config-ipv6.html.
	netip.MustParsePrefix("fd00:ec2::/32"),
	// Google Compute Engine: cloud.google.com/compute/docs/metadata/querying-metadata.
	netip.MustParsePrefix("fd20:ce::254/128"),
}

// nodeLocalNames are the names of Google's metadata server.
var nodeLocalNames = map[string]bool{"metadata.google.internal": true, "metadata.goog": true, "metadata": true}

// NewProxy returns the function that finds the proxy of a request by the variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY and, where
// the first two are empty, ALL_PROXY, which Go does not read and other programs of the pod do. It finds none for loopback and
// for the addresses of metadata services and identity agents, whatever the variables are: a proxy on another machine cannot
// reach the pod's node, and could read the token.
func NewProxy() func(*http.Request) (*url.URL, error) {
	c := httpproxy.FromEnvironment()
	every := cmp.Or(os.Getenv("ALL_PROXY"), os.Getenv("all_proxy"))
	c.HTTPProxy, c.HTTPSProxy = cmp.Or(c.HTTPProxy, every), cmp.Or(c.HTTPSProxy, every)
	broken := map[string]bool{"http": !isProxyURL(c.HTTPProxy), "https": !isProxyURL(c.HTTPSProxy)}
	find := c.ProxyFunc()
	return func(r *http.Request) (*url.URL, error) {
		if isNodeLocal(r.URL.Hostname()) {
			return nil, nil // As net/http has it: no proxy.
		}
		if broken[r.URL.Scheme] { // The library would go without a proxy.
			return nil, errNoProxyURL
		}
		return find(r.URL)
	}
}

// isProxyURL reports whether the value of a variable is the URL of a proxy, or its host alone; or empty.
func isProxyURL(value string) bool {
	if _, _, hasScheme := strings.Cut(value, "://"); !hasScheme {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	return value == "http://" || err == nil && u.Host != ""
}

// errNoProxyURL does not show the variable, which may have a password.
var errNoProxyURL = errors.New("HTTPS_PROXY, HTTP_PROXY or ALL_PROXY holds no URL of a proxy, such as http://proxy.example:8080")

func isNodeLocal(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	address, err := netip.ParseAddr(host)
	if err != nil {
		return nodeLocalNames[host] || host == "localhost" || strings.HasSuffix(host, ".localhost")
	}
	address = address.WithZone("").Unmap()
	if address.IsLoopback() {
		return true
	}
	for _, prefix := range nodeLocalPrefixes {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}
