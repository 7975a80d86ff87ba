package transport

import (
	"net/http"
	"net/url"
)

// SetProxy makes a client use a proxy, for loopback too.
func SetProxy(client *http.Client, proxy *url.URL) {
	client.Transport.(roundTripper).Proxy = http.ProxyURL(proxy)
}
