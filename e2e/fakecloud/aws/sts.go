package aws

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
)

const (
	exchange   = "AssumeRoleWithWebIdentity"
	assumeRole = "AssumeRole"
	// maxBody is more than any request for a session has.
	maxBody = 1 << 20
	// maxChained is how long the session of a role lasts that another role assumes.
	maxChained = time.Hour
)

// STS is AWS's token service in front of the store's.
type STS struct {
	Directory *directory.Directory
	// Next is the store's token service, and Client asks it.
	Next   http.Handler
	Client *sts.Client

	mu sync.Mutex
	// sessions are those that were given for tokens, by the access key.
	sessions map[string]session
}

// session is what a token was exchanged for.
type session struct {
	aws.Credentials
	// roleARN is the role's, token the one that was shown for it.
	roleARN, token string
}

// refusal is an answer of the service that gives no session.
type refusal struct {
	status     int
	code, text string
}

func (r *refusal) Error() string { return r.code + ": " + r.text }

// ServeHTTP exchanges tokens at the store, and lets a role be assumed by one that it trusts.
func (s *STS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, err := url.ParseQuery(string(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch form.Get("Action") {
	case exchange:
		s.exchange(w, r, form)
	case assumeRole:
		given, err := s.assume(r, body, form)
		if err != nil {
			refuse(w, err)
			return
		}
		answer(w, given)
	default:
		s.Next.ServeHTTP(w, r)
	}
}

// exchange passes the request on, and remembers the session that comes.
func (s *STS) exchange(w http.ResponseWriter, r *http.Request, form url.Values) {
	got := httptest.NewRecorder()
	s.Next.ServeHTTP(got, r)
	if got.Code == http.StatusOK {
		var given struct {
			Key    string `xml:"AssumeRoleWithWebIdentityResult>Credentials>AccessKeyId"`
			Secret string `xml:"AssumeRoleWithWebIdentityResult>Credentials>SecretAccessKey"`
			Token  string `xml:"AssumeRoleWithWebIdentityResult>Credentials>SessionToken"`
		}
		if err := xml.Unmarshal(got.Body.Bytes(), &given); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		s.remember(session{
			Credentials: aws.Credentials{AccessKeyID: given.Key, SecretAccessKey: given.Secret, SessionToken: given.Token},
			roleARN:     form.Get("RoleArn"), token: form.Get("WebIdentityToken"),
		})
	}
	maps.Copy(w.Header(), got.Header())
	w.WriteHeader(got.Code)
	_, _ = w.Write(got.Body.Bytes())
}

func (s *STS) remember(given session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sessions == nil {
		s.sessions = map[string]session{}
	}
	s.sessions[given.AccessKeyID] = given
}

// isSessionName is AWS's rule.
var isSessionName = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{2,64}$`)

// assume returns a session of a role for the session of one that it trusts.
func (s *STS) assume(r *http.Request, body []byte, form url.Values) (*types.Credentials, error) {
	signed, err := parseSignature(r)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	first, known := s.sessions[signed.accessKey]
	s.mu.Unlock()
	if !known || r.Header.Get("X-Amz-Security-Token") != first.SessionToken {
		return nil, &refusal{http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid."}
	}
	if err := signed.verify(r, body, first.Credentials); err != nil {
		return nil, err
	}
	name, role := form.Get("RoleSessionName"), form.Get("RoleArn")
	seconds, err := strconv.Atoi(form.Get("DurationSeconds"))
	if form.Get("DurationSeconds") == "" {
		seconds, err = int(maxChained/time.Second), nil
	}
	switch {
	case !isSessionName.MatchString(name):
		return nil, &refusal{http.StatusBadRequest, "ValidationError", "roleSessionName is missing, or has other characters than are allowed"}
	case err != nil || seconds < 900 || time.Duration(seconds)*time.Second > maxChained:
		return nil, &refusal{http.StatusBadRequest, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining"}
	case !s.Directory.MayAssume(first.roleARN, role, form.Get("ExternalId")):
		return nil, &refusal{http.StatusForbidden, "AccessDenied", first.roleARN + " is not authorized to perform: sts:AssumeRole on resource: " + role}
	}
	given, err := s.Client.AssumeRoleWithWebIdentity(r.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, RoleSessionName: &name, WebIdentityToken: &first.token,
	})
	if err != nil {
		return nil, &refusal{http.StatusForbidden, "AccessDenied", err.Error()}
	}
	slog.Info("A role was assumed", "role", role, "by", first.roleARN, "session", name)
	return given.Credentials, nil
}

func answer(w http.ResponseWriter, given *types.Credentials) {
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>`+
		`<AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration>`+
		`</Credentials></AssumeRoleResult></AssumeRoleResponse>`, escape(given.AccessKeyId), escape(given.SecretAccessKey),
		escape(given.SessionToken), given.Expiration.UTC().Format(time.RFC3339))
}

func escape(text *string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(aws.ToString(text))) // A buffer takes everything.
	return b.String()
}
