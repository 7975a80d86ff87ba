package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
)

// networkErrors are the errors of the pod and of the network. The first match applies.
var networkErrors = []struct {
	is    func(error) bool
	class objstore.Class
	cure  string
}{
	{isA[*BodyError], objstore.Unknown, ""},
	{isA[*RequestError], objstore.Misconfigured, ""},
	{isNoURL, objstore.Misconfigured, ""},
	{isUnreadableFile, objstore.Misconfigured, ""},
	{
		isA[x509.UnknownAuthorityError], objstore.Untrusted,
		"put the authority that signed the store's certificate into caBundle",
	},
	{isA[x509.HostnameError], objstore.Untrusted, "use a name in endpoint that the store's certificate is for"},
	{
		isA[x509.CertificateInvalidError], objstore.Untrusted,
		"renew the store's certificate, or set the node's clock right",
	},
	{isA[*tls.CertificateVerificationError], objstore.Untrusted, ""},
	{isA[tls.RecordHeaderError], objstore.Transient, speaksNoTLS},
	{func(err error) bool { return errors.Is(err, http.ErrSchemeMismatch) }, objstore.Transient, speaksNoTLS},
	{isHostNotFound, objstore.Transient, "check the host name in endpoint, and the cluster's DNS"},
	{isA[*url.Error], objstore.Transient, ""},
	{isA[net.Error], objstore.Transient, ""},
	{func(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }, objstore.Transient, ""},
	{func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }, objstore.Transient, ""},
}

// speaksNoTLS is the remedy where an answer comes without TLS. That is no class of its own: a server that receives a torn request,
// and a proxy in trouble, do it as well.
const speaksNoTLS = "the store speaks no TLS there: use http:// in endpoint, or the port for https"

func isA[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// isNoURL reports whether a text could not be parsed as a URL.
func isNoURL(err error) bool {
	u, ok := errors.AsType[*url.Error](err)
	return ok && u.Op == "parse"
}

// isUnreadableFile reports whether a file of the pod is missing or must not be read. The system's error number would pass for an
// error of the network: it implements net.Error.
func isUnreadableFile(err error) bool {
	_, ok := errors.AsType[*fs.PathError](err)
	return ok && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EISDIR))
}

func isHostNotFound(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// ClassifyError returns an error of the pod or of the network with its class; nil for any other. It returns errors of the caller's
// own context unchanged.
func ClassifyError(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	if proxy, ok := errors.AsType[*ProxyError](err); ok {
		return &objstore.Error{Class: proxy.class(), Cure: proxy.cure(), Err: err}
	}
	for _, f := range networkErrors {
		if f.is(err) {
			return &objstore.Error{Class: f.class, Cure: f.cure, Err: err}
		}
	}
	return nil
}

// ErrorText returns the text of an error without the query of the URL in it, which may be a signature, or the key to an upload.
func ErrorText(err error) string {
	text := err.Error()
	if u, ok := errors.AsType[*url.Error](err); ok {
		address, query, found := strings.Cut(u.URL, "?")
		if !found {
			return text
		}
		shown := url.Error{Op: u.Op, URL: address, Err: u.Err}
		text = strings.ReplaceAll(text, u.Error(), shown.Error())
		text = strings.ReplaceAll(text, "?"+query, "")
	}
	return text
}

// classByStatus has the classes of HTTP's status codes, for answers without a better code of the store.
var classByStatus = map[int]objstore.Class{
	http.StatusMovedPermanently:      objstore.NoBucket,
	http.StatusTemporaryRedirect:     objstore.NoBucket,
	http.StatusPermanentRedirect:     objstore.NoBucket,
	http.StatusBadRequest:            objstore.Invalid,
	http.StatusUnauthorized:          objstore.Unauthenticated,
	http.StatusForbidden:             objstore.Denied,
	http.StatusNotFound:              objstore.NotFound,
	http.StatusMethodNotAllowed:      objstore.Invalid,
	http.StatusRequestTimeout:        objstore.Transient,
	http.StatusPreconditionFailed:    objstore.Exists,
	http.StatusRequestEntityTooLarge: objstore.Invalid,
	http.StatusTooManyRequests:       objstore.Throttled,
	http.StatusInternalServerError:   objstore.Transient,
	http.StatusNotImplemented:        objstore.Invalid,
	http.StatusBadGateway:            objstore.Transient,
	http.StatusServiceUnavailable:    objstore.Transient,
	http.StatusGatewayTimeout:        objstore.Transient,
}

// ClassOfStatus returns the class of an answer by its status alone.
func ClassOfStatus(status int) objstore.Class {
	if class, ok := classByStatus[status]; ok {
		return class
	}
	return objstore.Unknown
}

// RetryAfter returns how long an answer asks to wait; zero: it does not ask.
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

// responseBody is the body of a store's answer.
type responseBody struct {
	io.ReadCloser

	classify func(error) error
}

// ClassifyReads returns a body whose Read returns errors of the network with their class.
func ClassifyReads(ctx context.Context, body io.ReadCloser) io.ReadCloser {
	return responseBody{body, func(err error) error { return ClassifyError(ctx, err) }}
}

func (a responseBody) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if fault := a.classify(err); fault != nil {
		return n, fault
	}
	return n, err
}
