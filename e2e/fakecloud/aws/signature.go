package aws

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// signature is what a request says of its signature.
type signature struct {
	accessKey, region, signature string
	// headers are the signed ones.
	headers []string
	at      time.Time
}

var authorization = regexp.MustCompile(
	`^AWS4-HMAC-SHA256 Credential=([^/,]+)/\d{8}/([^/,]+)/sts/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$`)

// maxSkew is how much the clocks may differ.
const maxSkew = 15 * time.Minute

func incomplete(text string) error {
	return &refusal{http.StatusBadRequest, "IncompleteSignature", text}
}

// parseSignature returns the signature of a request, which must cover all that AWS demands.
func parseSignature(r *http.Request) (signature, error) {
	parts := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil {
		return signature{}, &refusal{http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token"}
	}
	s := signature{accessKey: parts[1], region: parts[2], headers: strings.Split(parts[3], ";"), signature: parts[4]}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(s.headers, name) {
			return signature{}, incomplete(name + " is not signed")
		}
	}
	if !slices.Contains(s.headers, "host") || !slices.Contains(s.headers, "x-amz-security-token") {
		return signature{}, incomplete("host and x-amz-security-token must be signed")
	}
	var err error
	if s.at, err = time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date")); err != nil {
		return signature{}, incomplete("X-Amz-Date: " + err.Error())
	}
	if skew := time.Since(s.at).Abs(); skew > maxSkew {
		return signature{}, &refusal{http.StatusForbidden, "SignatureDoesNotMatch", "Signature expired: " + skew.String()}
	}
	return s, nil
}

// verify signs the request anew, and compares.
func (s signature) verify(r *http.Request, body []byte, with aws.Credentials) error {
	target := "https://" + r.Host + r.URL.RequestURI()
	again, err := http.NewRequestWithContext(r.Context(), r.Method, target, bytes.NewReader(body)) //nolint:gosec // It is signed, and never sent.
	if err != nil {
		return incomplete(err.Error())
	}
	if !slices.Contains(s.headers, "content-length") {
		again.ContentLength = 0 // Else the signer signs it.
	}
	for _, name := range s.headers {
		if name != "host" && name != "content-length" {
			again.Header[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
		}
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(r.Context(), with, again, hex.EncodeToString(sum[:]), "sts", s.region, s.at); err != nil {
		return incomplete(err.Error())
	}
	want := authorization.FindStringSubmatch(again.Header.Get("Authorization"))
	if want == nil || subtle.ConstantTimeCompare([]byte(want[4]), []byte(s.signature)) != 1 {
		return &refusal{http.StatusForbidden, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."}
	}
	return nil
}

func refuse(w http.ResponseWriter, err error) {
	found, ok := errors.AsType[*refusal](err)
	if !ok {
		found = &refusal{http.StatusInternalServerError, "InternalFailure", err.Error()}
	}
	slog.Info("No session is given", "error", found)
	var text bytes.Buffer
	_ = xml.EscapeText(&text, []byte(found.text)) // A buffer takes everything.
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(found.status)
	fmt.Fprintf(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code>`+
		`<Message>%s</Message></Error><RequestId>e2e</RequestId></ErrorResponse>`, found.code, text.String())
}
