package azure

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
)

// The headers that name the certificate which a client assertion is signed with: its SHA-1 and its SHA-256.
const (
	thumbprint1   = jose.HeaderKey("x5t")
	thumbprint256 = jose.HeaderKey("x5t#S256")
)

// urlSafe turns what some clients write, standard Base64, into what the standard of the header wants.
var urlSafe = strings.NewReplacer("+", "-", "/", "_", "=", "")

// certificateAlgorithms are those that clients sign assertions with.
var certificateAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256}

// signedByCertificate reports whether the client signed the assertion itself; else it is a federated token.
func signedByCertificate(assertion string) bool {
	token, err := jwt.ParseSigned(assertion, certificateAlgorithms)
	if err != nil || len(token.Headers) != 1 {
		return false
	}
	headers := token.Headers[0].ExtraHeaders
	return headers[thumbprint1] != nil || headers[thumbprint256] != nil
}

// checkCertificate takes an assertion that a registered certificate's key signed, for this endpoint and not for ever.
func checkCertificate(assertion string, app directory.Application, endpoint string) *refusal {
	token, err := jwt.ParseSigned(assertion, certificateAlgorithms)
	if err != nil {
		return wrongAssertion.with(err)
	}
	certificate, named := certificateOf(token, app)
	if certificate == nil {
		return noCertificate.with(named)
	}
	var claims jwt.Claims
	if err := token.Claims(certificate.PublicKey, &claims); err != nil {
		return wrongCertificateSig.with(err)
	}
	if claims.Issuer != app.ClientID || claims.Subject != app.ClientID {
		return wrongClient.with("iss and sub must be the application's.")
	}
	if !claims.Audience.Contains(endpoint) {
		return wrongEndpoint.with("aud must be " + endpoint)
	}
	if err := identity.Lifetime(claims); err != nil {
		return wrongLifetime.with(err)
	}
	return nil
}

// certificateOf finds the registered certificate that the assertion names, and returns how it is named.
func certificateOf(token *jwt.JSONWebToken, app directory.Application) (found *x509.Certificate, named string) {
	for _, der := range app.Certificates {
		short, long := sha1.Sum(der), sha256.Sum256(der)
		for header, sum := range map[jose.HeaderKey][]byte{thumbprint1: short[:], thumbprint256: long[:]} {
			value, ok := token.Headers[0].ExtraHeaders[header].(string)
			if !ok {
				continue
			}
			given, err := base64.RawURLEncoding.DecodeString(urlSafe.Replace(value))
			if err != nil {
				return nil, value
			}
			named = hex.EncodeToString(given)
			if string(given) != string(sum) {
				continue
			}
			if certificate, err := x509.ParseCertificate(der); err == nil {
				return certificate, named
			}
		}
	}
	return nil, named
}
