package proxy

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// To returns a handler that passes requests on to a store. config holds the roots to trust, for a store that serves TLS.
func To(store *url.URL, config *tls.Config) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = store.Scheme, store.Host
			r.Out.Host = r.In.Host
			// The proxy drops parameters that it cannot parse, which a signature may cover.
			r.Out.URL.RawQuery = r.In.URL.RawQuery
			// fake-gcs-server makes the address of a resumable upload of it.
			r.Out.Header.Set("X-Forwarded-Proto", "https")
		},
		FlushInterval: -1, // nothing is held back
		Transport: &http.Transport{
			TLSClientConfig:    config,
			DisableCompression: true, // or it asks for compression in the client's name
			// Stores close idle connections when they like; a body that was sent in part cannot be sent again.
			DisableKeepAlives: true,
		},
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelWarn),
	}
}
