package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"lighterman.dev/lighterman/uploader/objstore"
)

// ProxyError is an error of the proxy on the way to a store, not of the store.
type ProxyError struct {
	// Proxy is the proxy's URL, without a user and a password. Target is the host that was asked for.
	Proxy, Target string
	// Status is what the proxy answered; zero: it did not.
	Status int
	Err    error
}

func (e *ProxyError) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("the proxy %s does not pass requests on to %s: status %d %s",
			e.Proxy, e.Target, e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("the proxy %s, on the way to %s: %v", e.Proxy, e.Target, e.Err)
}

func (e *ProxyError) Unwrap() error { return e.Err }

// The remedies for a proxy. %s is its URL.
const (
	proxyIsSilent  = "no proxy answers at %s: correct spec.proxy, look at the pod's network policies, or except the store's host in spec.proxy.noProxy"
	proxyWantsUser = "the proxy %s asks for a user and a password, which a profile cannot have: let it pass the requests of the cluster without, or except the store's host in spec.proxy.noProxy"
	proxyIsCutOff  = "the proxy %s cannot reach the store: look at the proxy's own network and DNS, or except the store's host in spec.proxy.noProxy"
	proxyUntrusted = "the certificate of the proxy %s is not signed by an authority that is trusted here: put that into spec.caBundle, or speak http to the proxy"
)

// proxyAnswers have the class and the remedy of what a proxy answers: RFC 9110, section 9.3.6.
var proxyAnswers = map[int]struct {
	class objstore.Class
	cure  string
}{
	http.StatusProxyAuthRequired:   {objstore.ProxyRefused, proxyWantsUser},
	http.StatusTooManyRequests:     {objstore.Transient, proxyIsCutOff},
	http.StatusInternalServerError: {objstore.Transient, proxyIsCutOff},
	http.StatusBadGateway:          {objstore.Transient, proxyIsCutOff},
	http.StatusServiceUnavailable:  {objstore.Transient, proxyIsCutOff},
	http.StatusGatewayTimeout:      {objstore.Transient, proxyIsCutOff},
}

func (e *ProxyError) class() objstore.Class {
	if e.Status == 0 {
		if isA[*tls.CertificateVerificationError](e.Err) {
			return objstore.Untrusted
		}
		return objstore.Transient
	}
	return cmp.Or(proxyAnswers[e.Status].class, objstore.ProxyRefused)
}

// cure returns the remedy; empty: the class's own.
func (e *ProxyError) cure() string {
	text := proxyAnswers[e.Status].cure
	switch {
	case e.class() == objstore.Untrusted:
		text = proxyUntrusted
	case e.Status == 0:
		text = proxyIsSilent
	}
	if text == "" {
		return ""
	}
	return fmt.Sprintf(text, e.Proxy)
}

// showProxy returns the URL of a proxy without what identifies its user.
func showProxy(proxy *url.URL) string { return proxy.Scheme + "://" + proxy.Host }

// attributeError returns the error of a request that goes through a proxy, as a *ProxyError where the proxy, or the way to it, is the
// cause: before there is a tunnel to the store, or where there is none because the request is in plain text.
func (p *progress) attributeError(proxy *url.URL, r *http.Request, err error) error {
	isTunnel := r.URL.Scheme == "https"
	switch {
	case isA[*ProxyError](err), isA[*BodyError](err), errors.Is(err, context.Canceled):
		return err
	case isTunnel && (p.connected.Load() || p.tunnelled.Load()):
		return err
	}
	return &ProxyError{Proxy: showProxy(proxy), Target: r.URL.Host, Err: err}
}

// checkTunnel is the hook of http.Transport for the answer of a proxy that was asked for a tunnel.
func checkTunnel(ctx context.Context, proxy *url.URL, request *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return &ProxyError{Proxy: showProxy(proxy), Target: request.Host, Status: answer.StatusCode}
	}
	if p, ok := ctx.Value(progressKey{}).(*progress); ok {
		p.tunnelled.Store(true)
	}
	return nil
}

// proxyHeaders are in answers that a proxy made itself: RFC 9209, and Squid's (src/errorpage.cc).
var proxyHeaders = []string{"Proxy-Status", "X-Squid-Error"}

// checkProxyAnswer returns an answer, or a *ProxyError where the proxy gave it in the place of a store.
func checkProxyAnswer(proxy *url.URL, r *http.Request, answer *http.Response) (*http.Response, error) {
	isOfProxy := answer.StatusCode == http.StatusProxyAuthRequired
	for _, name := range proxyHeaders {
		isOfProxy = isOfProxy || answer.StatusCode >= http.StatusBadRequest && answer.Header.Get(name) != ""
	}
	if r.URL.Scheme != "http" || !isOfProxy {
		return answer, nil
	}
	if err := answer.Body.Close(); err != nil {
		return nil, err
	}
	return nil, &ProxyError{Proxy: showProxy(proxy), Target: r.URL.Host, Status: answer.StatusCode}
}
