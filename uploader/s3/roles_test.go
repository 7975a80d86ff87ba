package s3_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/transport"
)

const (
	firstRole  = "arn:aws:iam::111122223333:role/first"
	secondRole = "arn:aws:iam::444455556666:role/second"
)

// roleService is a token service that gives numbered sessions of both roles.
type roleService struct {
	t *testing.T
	// asked are the operations, in order; refusals their codes, of those that are refused.
	asked    []string
	refusals map[string]string
	// lives is how long the sessions are said to last.
	lives time.Duration
}

func (r *roleService) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	operation := req.FormValue("Action")
	r.asked = append(r.asked, operation)
	if code := r.refusals[operation]; code != "" {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>No.</Message></Error></ErrorResponse>", code)
		return
	}
	form, key := req.Form, "second"
	want := map[string]string{"RoleArn": secondRole, "ExternalId": "acme/1=2", "RoleSessionName": "payments", "DurationSeconds": "3600"}
	if operation == "AssumeRoleWithWebIdentity" {
		want, key = map[string]string{"RoleArn": firstRole, "WebIdentityToken": "the token"}, "first"
	} else if by := signedBy.FindStringSubmatch(req.Header.Get("Authorization")); by == nil || !strings.HasPrefix(by[1], "first") ||
		req.Header.Get("X-Amz-Security-Token") != "session" {
		r.t.Errorf("%s is signed by %v, and not by the session of the first role", operation, by)
	}
	for name, value := range want {
		if form.Get(name) != value {
			r.t.Errorf("%s has %s=%q, want %q", operation, name, form.Get(name), value)
		}
	}
	fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult><Credentials><AccessKeyId>%[2]s%[3]d</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"+
		"<SessionToken>session</SessionToken><Expiration>%[4]s</Expiration></Credentials></%[1]sResult></%[1]sResponse>",
		operation, key, len(r.asked), time.Now().Add(r.lives).UTC().Format(time.RFC3339))
}

// newChained opens a store as the second role.
func newChained(t *testing.T, service *roleService, endpoint string) *s3.Store {
	t.Helper()
	store, err := s3.New(uploader.S3{
		Bucket: "b", Region: "eu-west-1", Endpoint: endpoint, ForcePathStyle: true, Auth: uploader.Auth{
			Mode: "webIdentity", TokenFile: write(t, "the token"), RoleARN: firstRole, STSEndpoint: serve(t, service.ServeHTTP),
			AssumeRoleARN: secondRole, ExternalID: "acme/1=2", SessionName: "payments",
		},
	}, transport.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestSecondRole comes as the role that the first one assumes, and renews both.
func TestSecondRole(t *testing.T) {
	setDecoys(t)
	var who string
	service := &roleService{t: t, lives: time.Hour}
	store := newChained(t, service, storeOf(t, &who))
	for range 2 {
		if _, err := store.Stat(t.Context(), "key"); err != nil || who != "second2 session" {
			t.Errorf("came as %q; %v", who, err)
		}
	}
	got, err := store.Authenticate(t.Context())
	if want := "STS, for the role " + secondRole + ", which " + firstRole + " assumes"; err != nil || got.From != want {
		t.Errorf("given by %q, want %q; %v", got.From, want, err)
	}
	if want := []string{"AssumeRoleWithWebIdentity", "AssumeRole"}; strings.Join(service.asked, " ") != strings.Join(want, " ") {
		t.Errorf("the token service was asked for %v, want %v", service.asked, want)
	}

	soon := &roleService{t: t, lives: time.Minute} // Within expiryWindow.
	store = newChained(t, soon, storeOf(t, &who))
	for _, want := range []string{"second2 session", "second4 session"} {
		if _, err := store.Stat(t.Context(), "key"); err != nil || who != want {
			t.Errorf("came as %q, want %q; %v", who, want, err)
		}
	}
}

// TestSecondRoleIsRenewed has the store, and the token service, refuse a session that has run out.
func TestSecondRoleIsRenewed(t *testing.T) {
	setDecoys(t)
	service := &roleService{t: t, lives: time.Hour}
	refused := false
	store := newChained(t, service, serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if !refused {
			refused = true
			refuse(w, http.StatusBadRequest, "ExpiredToken")
		}
	}))
	if _, err := store.Open(t.Context(), "key", ""); objstore.ClassOf(err) != objstore.Expired {
		t.Fatalf("got %v", err)
	}
	service.refusals = map[string]string{"AssumeRole": "ExpiredTokenException"}
	if _, err := store.Open(t.Context(), "key", ""); objstore.ClassOf(err) != objstore.Expired {
		t.Fatalf("got %v", err)
	}
	service.refusals = nil
	body, err := store.Open(t.Context(), "key", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	const exchange, assume = "AssumeRoleWithWebIdentity", "AssumeRole"
	if got, want := fmt.Sprint(service.asked), fmt.Sprint([]string{exchange, assume, exchange, assume, exchange, assume}); got != want {
		t.Errorf("the token service was asked for %s, want %s", got, want)
	}
}

// TestRefusedRole is refused one of the two roles: the error names it.
func TestRefusedRole(t *testing.T) {
	setDecoys(t)
	tests := map[string]struct {
		operation, code, role string
		class                 objstore.Class
		cure                  string
	}{
		"the first is denied": {
			"AssumeRoleWithWebIdentity", "AccessDenied", firstRole, objstore.Denied,
			"check the trust policy of " + firstRole,
		},
		"the first has another issuer": {
			"AssumeRoleWithWebIdentity", "InvalidIdentityToken", firstRole, objstore.Unauthenticated, "issuer, audience",
		},
		"the second is denied": {
			"AssumeRole", "AccessDenied", secondRole, objstore.Denied,
			"let the trust policy of " + secondRole + " allow sts:AssumeRole to " + firstRole,
		},
		"the session of the first is unknown": {"AssumeRole", "InvalidClientTokenId", secondRole, objstore.Unauthenticated, ""},
		"the session of the first is over":    {"AssumeRole", "ExpiredTokenException", secondRole, objstore.Expired, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			service := &roleService{t: t, lives: time.Hour, refusals: map[string]string{test.operation: test.code}}
			_, err := newChained(t, service, "http://127.0.0.1:1").Authenticate(t.Context())
			fault, ok := errors.AsType[*objstore.Error](err)
			if !ok || fault.Class != test.class || !strings.Contains(fault.Cure, test.cure) || test.cure == "" && fault.Cure != "" {
				t.Errorf("got %+v, want %s with a cure that says %q", fault, test.class, test.cure)
			}
			want := "obtain a credential: role " + test.role + ": " + test.operation + ": " + test.code + ": No"
			if err == nil || err.Error() != want {
				t.Errorf("it says %q, want %q", err, want)
			}
		})
	}
}

// TestAuthFields holds the names by which the configuration carries the second role.
func TestAuthFields(t *testing.T) {
	text, err := json.Marshal(uploader.Auth{Mode: "webIdentity", AssumeRoleARN: secondRole, ExternalID: "x", SessionName: "y"})
	want := `{"mode":"webIdentity","assumeRoleARN":"` + secondRole + `","externalID":"x","sessionName":"y"}`
	if err != nil || string(text) != want {
		t.Errorf("got %s, want %s; %v", text, want, err)
	}
}
