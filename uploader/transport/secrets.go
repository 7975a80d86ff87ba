package transport

import (
	"net/http"
	"net/url"
	"strings"

	"lighterman.dev/lighterman/internal/message"
)

// secretHeaders are the headers of requests whose value is a secret: docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html,
// docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html and azidentity v1.15's managed identities.
var secretHeaders = []string{"X-Amz-Security-Token", "X-Aws-Ec2-Metadata-Token", "X-Identity-Header", "Secret"}

// secretParameters are those of URLs and of forms whose value is a secret.
var secretParameters = []string{
	"sig", "X-Amz-Security-Token", "X-Amz-Signature", "X-Goog-Signature", "upload_id",
	"client_secret", "client_assertion", "assertion", "subject_token", "refresh_token", "WebIdentityToken",
}

// maxForm is the length of the longest form whose secrets are looked for, in bytes.
const maxForm = 64 << 10

// hideSecrets makes messages hide the secrets of a request, but for signatures, which are good for that request alone. A server
// may send back what it was sent.
func hideSecrets(r *http.Request) {
	for _, name := range secretHeaders {
		message.Hide(r.Header.Get(name))
	}
	scheme, rest, found := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case !found:
		message.Hide(scheme) // The EKS Pod Identity agent's is the token alone.
	case strings.EqualFold(scheme, "Bearer"):
		message.Hide(rest)
	default:
		_, credential, _ := strings.Cut(rest, "Credential=")
		key, _, _ := strings.Cut(credential, "/")
		message.Hide(key)
	}
	if r.URL.RawQuery != "" {
		hideParameters(r.URL.RawQuery)
	}
}

// hideParameters makes messages hide the secrets of a query or a form.
func hideParameters(text string) {
	values, _ := url.ParseQuery(text) // What can be read of it.
	for _, name := range secretParameters {
		message.Hide(values[name]...)
	}
}

// isForm reports whether a request sends a form that may have secrets.
func isForm(r *http.Request) bool {
	kind := r.Header.Get("Content-Type")
	return strings.HasPrefix(kind, "application/x-www-form-urlencoded") && r.ContentLength <= maxForm
}
