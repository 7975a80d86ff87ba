package transport

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// RequestError is an error of a request that was not sent: no connection was looked for, because of what is in the request.
type RequestError struct{ Err error }

func (e *RequestError) Error() string { return e.Err.Error() }

func (e *RequestError) Unwrap() error { return e.Err }

// roundTripper bounds each request and its answer, and tells apart the errors of the request, of a proxy and of the store.
type roundTripper struct {
	*http.Transport

	// stall is Options.StallTimeout.
	stall time.Duration
}

// progress is how far a request has come.
type progress struct {
	// sought: a connection was looked for. connected: there is one. tunnelled: the proxy has made a tunnel to the store.
	sought, connected, tunnelled atomic.Bool
}

type progressKey struct{}

// RoundTrip implements http.RoundTripper.
func (t roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	kind, b := boundsOf(r, t.stall)
	ctx, cancel := context.WithCancelCause(r.Context())
	w := startWatch(t.stall, b, cancel)
	answer, err := t.send(ctx, r, w)
	if err == nil {
		answer, err = boundAnswer(answer, kind, w)
	}
	if err != nil {
		w.end()
		return nil, err
	}
	return answer, nil
}

// send sends a request and returns its answer, or the error of whoever is to blame.
func (t roundTripper) send(ctx context.Context, r *http.Request, w *watch) (*http.Response, error) {
	p := &progress{}
	ctx = httptrace.WithClientTrace(context.WithValue(ctx, progressKey{}, p), &httptrace.ClientTrace{
		GetConn: func(string) { p.sought.Store(true) },
		GotConn: func(got httptrace.GotConnInfo) {
			p.connected.Store(true)
			w.attach(wireOf(got.Conn))
		},
		WroteRequest: func(httptrace.WroteRequestInfo) { w.enter(waiting) },
	})
	hideSecrets(r)
	sent := r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		sent.Body = &sentBody{ReadCloser: r.Body, watch: w, isForm: isForm(r)}
	}
	answer, err := t.Transport.RoundTrip(sent)
	w.enter(receiving)
	if err != nil && !p.sought.Load() {
		if r.Context().Err() != nil {
			return nil, err
		}
		return nil, &RequestError{err}
	}
	err = w.why(err)
	proxy, proxyErr := t.Proxy(r)
	if proxyErr != nil || proxy == nil {
		return answer, err
	}
	if err != nil {
		return nil, p.attributeError(proxy, r, err)
	}
	return checkProxyAnswer(proxy, r, answer)
}

// sentBody is the body of a request: the time that reading it takes is not the server's, and the secrets of a form are hidden.
type sentBody struct {
	io.ReadCloser

	watch  *watch
	isForm bool
	form   []byte
}

func (b *sentBody) Read(p []byte) (int, error) {
	resume := b.watch.pause()
	defer resume()
	n, err := b.ReadCloser.Read(p)
	if b.isForm {
		b.form = append(b.form, p[:n]...)
		if len(b.form) > maxForm {
			b.isForm, b.form = false, nil
		}
		hideParameters(string(b.form))
	}
	return n, err
}
