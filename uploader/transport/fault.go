package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lighterman.dev/lighterman/uploader"
)

// faults are the errors that come from this side of the network or from the network; the first that fits counts.
var faults = []struct {
	is    func(error) bool
	class uploader.Class
	cure  string
}{
	{is[*BodyError], uploader.Unknown, ""},
	{is[x509.UnknownAuthorityError], uploader.Untrusted, "put the authority that signed the store's certificate into caBundle"},
	{is[x509.HostnameError], uploader.Untrusted, "use a name in endpoint that the store's certificate is for"},
	{is[x509.CertificateInvalidError], uploader.Untrusted, "renew the store's certificate, or set the node's clock right"},
	{is[*tls.CertificateVerificationError], uploader.Untrusted, ""},
	{is[tls.RecordHeaderError], uploader.Transient, noTLS},
	{func(err error) bool { return errors.Is(err, http.ErrSchemeMismatch) }, uploader.Transient, noTLS},
	{notFound, uploader.Transient, "check the host name in endpoint, and the cluster's DNS"},
	{is[*url.Error], uploader.Transient, ""},
	{is[net.Error], uploader.Transient, ""},
	{func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }, uploader.Transient, ""},
	{func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }, uploader.Transient, ""},
}

// noTLS is no class of its own: a server that gets a torn request, and a proxy in trouble, answer without TLS as well.
const noTLS = "the store speaks no TLS there: use http:// in endpoint, or the port for https"

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func notFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// Fault gives its class to an error that no store answered with; nil: it is not such a one. Errors of the caller's own
// context stay as they are.
func Fault(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	for _, f := range faults {
		if f.is(err) {
			return &uploader.Error{Class: f.class, Cure: f.cure, Err: err}
		}
	}
	return nil
}

// Text is what an error says without the query of the URL that it names: that may be a signature, or the key to an upload.
func Text(err error) string {
	text := err.Error()
	if u, ok := errors.AsType[*url.Error](err); ok {
		if _, query, found := strings.Cut(u.URL, "?"); found {
			text = strings.ReplaceAll(text, "?"+query, "")
		}
	}
	return text
}

// statuses are what the codes of HTTP say where a store says nothing better.
var statuses = map[int]uploader.Class{
	http.StatusMovedPermanently:      uploader.NoBucket,
	http.StatusTemporaryRedirect:     uploader.NoBucket,
	http.StatusPermanentRedirect:     uploader.NoBucket,
	http.StatusBadRequest:            uploader.Invalid,
	http.StatusUnauthorized:          uploader.Unauthenticated,
	http.StatusForbidden:             uploader.Denied,
	http.StatusNotFound:              uploader.NotFound,
	http.StatusMethodNotAllowed:      uploader.Invalid,
	http.StatusRequestTimeout:        uploader.Transient,
	http.StatusPreconditionFailed:    uploader.Exists,
	http.StatusRequestEntityTooLarge: uploader.Invalid,
	http.StatusTooManyRequests:       uploader.Throttled,
	http.StatusInternalServerError:   uploader.Transient,
	http.StatusNotImplemented:        uploader.Invalid,
	http.StatusBadGateway:            uploader.Transient,
	http.StatusServiceUnavailable:    uploader.Transient,
	http.StatusGatewayTimeout:        uploader.Transient,
}

// ByStatus gives the class of an answer by its status alone.
func ByStatus(status int) uploader.Class {
	if class, ok := statuses[status]; ok {
		return class
	}
	return uploader.Unknown
}

// RetryAfter is how long an answer asks to wait; zero: it does not say.
func RetryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// answer is the body of a store's answer.
type answer struct {
	io.ReadCloser

	fault func(error) error
}

// Answer gives their class to errors of the network while an answer is read.
func Answer(ctx context.Context, body io.ReadCloser) io.ReadCloser {
	return answer{body, func(err error) error { return Fault(ctx, err) }}
}

func (a answer) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if fault := a.fault(err); fault != nil {
		return n, fault
	}
	return n, err
}
