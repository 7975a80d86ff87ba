package caller

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
)

// Method is a way to prove that a request comes from the API server, a metric label.
type Method string

// The methods. None is where a request proves nothing, and need not.
const (
	Certificate Method = "certificate"
	Token       Method = "token"
	SecretPath  Method = "path"
	None        Method = "none"
)

// Methods are all values that a Method can have.
var Methods = []Method{Certificate, Token, SecretPath, None}

// Trust is what is known of the sender of a request. The zero value is the one that allows nothing.
type Trust int

const (
	// Refused requests prove nothing, and could have.
	Refused Trust = iota
	// Unproven requests prove nothing, where none has to.
	Unproven
	// Proven requests come from the API server.
	Proven
)

// The reasons of a refusal, a metric label.
const (
	ReasonNoCredentials  = "NoCredentials"
	ReasonBadCertificate = "BadCertificate"
	ReasonBadToken       = "BadToken"
	ReasonBadPath        = "BadPath"
)

// Verdict is what a request proves about its sender.
type Verdict struct {
	Trust Trust
	// Method proved it. None, unless Trust is Proven.
	Method Method
	// Reason is why a request is refused, and Detail the same for people. Detail is for the log only.
	Reason, Detail string
}

// Options configure an Authenticator. The zero value configures no method.
type Options struct {
	// CertificateOptions configure client certificates, TokenOptions tokens.
	CertificateOptions
	TokenOptions
	// Paths knows the paths of the webhook configuration. Nil: the path is always Path, and proves nothing.
	Paths Paths
	// ReportOnly lets the path go on proving what a certificate or a token does not, or nothing where there are no
	// Paths, until all API servers send one. The metric of the methods shows when they do.
	ReportOnly bool
}

// Authenticator distinguishes the API server's requests from others. A nil Authenticator proves nothing and refuses nothing.
type Authenticator struct {
	certificates *certificates
	tokens       *tokens
	paths        Paths
	reportOnly   bool
}

// New returns an Authenticator. It reads the CA file once.
func New(o Options, log logr.Logger) (*Authenticator, error) {
	certificates, certificateErr := newCertificates(o.CertificateOptions, log)
	tokens, tokenErr := newTokens(o.TokenOptions)
	if err := errors.Join(certificateErr, tokenErr); err != nil {
		return nil, err
	}
	if o.ReportOnly && certificates == nil && tokens == nil {
		return nil, errors.New("--callers-report-only: neither --client-ca-file nor --caller-tokens is set: set one, or remove the flag")
	}
	return &Authenticator{certificates: certificates, tokens: tokens, paths: o.Paths, reportOnly: o.ReportOnly}, nil
}

// InForce returns the methods that can prove something, and None where reviews that prove nothing are answered.
func (a *Authenticator) InForce() []Method {
	var methods []Method
	if a != nil && a.certificates != nil {
		methods = append(methods, Certificate)
	}
	if a != nil && a.tokens != nil {
		methods = append(methods, Token)
	}
	if a != nil && a.paths != nil && !a.enforcesStrong() {
		methods = append(methods, SecretPath)
	}
	if a.AnswersUnproven() {
		methods = append(methods, None)
	}
	return methods
}

// AnswersUnproven reports whether a request may prove nothing and is not refused.
func (a *Authenticator) AnswersUnproven() bool {
	return a == nil || (a.paths == nil && !a.enforcesStrong())
}

// enforcesStrong reports whether a request without a certificate or a token is refused whatever its path is.
func (a *Authenticator) enforcesStrong() bool {
	return (a.certificates != nil || a.tokens != nil) && !a.reportOnly
}

// ConfigureTLS makes the listener ask for a client certificate where one can prove something. The listener does not
// verify it: a handshake that fails cannot be counted, nor logged at a bounded rate.
func (a *Authenticator) ConfigureTLS(c *tls.Config) {
	if a != nil && a.certificates != nil {
		c.ClientAuth = tls.RequestClientCert
	}
}

// Start keeps the CA file until ctx ends.
func (a *Authenticator) Start(ctx context.Context) error {
	if a != nil && a.certificates != nil {
		a.certificates.watchFile(ctx)
	}
	return nil
}

// NeedLeaderElection is false: every replica is called.
func (*Authenticator) NeedLeaderElection() bool { return false }

// Authenticate returns who sent a request. It does not read the body.
func (a *Authenticator) Authenticate(r *http.Request) Verdict {
	if a == nil {
		return judgePath(nil, r.URL.Path)
	}
	refusal := Verdict{
		Method: None,
		Reason: ReasonNoCredentials,
		Detail: "the request has no client certificate and no token",
	}
	if a.certificates != nil && r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		err := a.certificates.verify(r.TLS.PeerCertificates, time.Now())
		if err == nil {
			return Verdict{Trust: Proven, Method: Certificate}
		}
		refusal.Reason, refusal.Detail = ReasonBadCertificate, err.Error()
	}
	if token, ok := bearerToken(r); ok && a.tokens != nil {
		err := a.tokens.verify(r.Context(), token, r.URL.Path, time.Now())
		if err == nil {
			return Verdict{Trust: Proven, Method: Token}
		}
		refusal.Reason, refusal.Detail = ReasonBadToken, err.Error()
	}
	if a.enforcesStrong() {
		return refusal
	}
	return judgePath(a.paths, r.URL.Path)
}

func judgePath(paths Paths, path string) Verdict {
	switch {
	case paths != nil && paths.Accepts(path):
		return Verdict{Trust: Proven, Method: SecretPath}
	case paths == nil && path == Path:
		return Verdict{Trust: Unproven, Method: None}
	default:
		return Verdict{
			Method: None,
			Reason: ReasonBadPath,
			Detail: "the path is not one that the webhook configuration names",
		}
	}
}

// bearerToken returns the token of the Authorization header.
func bearerToken(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// quoteShort makes text that a stranger chose fit for a log line.
func quoteShort(text string) string {
	const most = 64
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Sprintf("%q", text)
}
