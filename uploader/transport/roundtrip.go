package transport

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// RequestError is an error of a request that was not sent: no connection was looked for, because of what is in the request.
type RequestError struct{ Err error }

func (e *RequestError) Error() string { return e.Err.Error() }

func (e *RequestError) Unwrap() error { return e.Err }

// roundTripper tells apart the errors of the request, of a proxy and of the store.
type roundTripper struct{ *http.Transport }

// progress is how far a request has come.
type progress struct {
	// sought: a connection was looked for. connected: there is one. tunnelled: the proxy has made a tunnel to the store.
	sought, connected, tunnelled atomic.Bool
}

type progressKey struct{}

// RoundTrip implements http.RoundTripper.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	p := &progress{}
	ctx := httptrace.WithClientTrace(context.WithValue(r.Context(), progressKey{}, p), &httptrace.ClientTrace{
		GetConn: func(string) { p.sought.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { p.connected.Store(true) },
	})
	answer, err := t.Transport.RoundTrip(r.WithContext(ctx))
	if err != nil && !p.sought.Load() {
		if r.Context().Err() != nil {
			return nil, err
		}
		return nil, &RequestError{err}
	}
	proxy, proxyErr := t.Proxy(r)
	if proxyErr != nil || proxy == nil {
		return answer, err
	}
	if err != nil {
		return nil, p.attributeError(proxy, r, err)
	}
	return checkProxyAnswer(proxy, r, answer)
}
