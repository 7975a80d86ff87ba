package s3_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/transport"
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

var signedBy = regexp.MustCompile(`Credential=([^/]+)/`)

// storeOf records whose signature comes.
func storeOf(t *testing.T, who *string) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		*who = signedBy.FindStringSubmatch(r.Header.Get("Authorization"))[1] + " " + r.Header.Get("X-Amz-Security-Token")
		w.WriteHeader(http.StatusOK)
	})
}

// setDecoys puts other identities where a search would find them.
func setDecoys(t *testing.T) {
	t.Helper()
	decoy := write(t, "[default]\naws_access_key_id = decoy\naws_secret_access_key = decoy\n")
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "decoy", "AWS_SECRET_ACCESS_KEY": "decoy", "AWS_SHARED_CREDENTIALS_FILE": decoy,
		"AWS_CONFIG_FILE": decoy, "AWS_PROFILE": "decoy", "AWS_EC2_METADATA_DISABLED": "true",
		// What EKS's webhooks put into every container that they find.
		"AWS_ROLE_ARN": "arn:aws:iam::1:role/decoy", "AWS_WEB_IDENTITY_TOKEN_FILE": decoy, "AWS_STS_REGIONAL_ENDPOINTS": "regional",
		"AWS_REGION": "decoy", "AWS_DEFAULT_REGION": "decoy",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/decoy", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": decoy,
	} {
		t.Setenv(name, value)
	}
}

const sts = `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>role</AccessKeyId>` +
	`<SecretAccessKey>s</SecretAccessKey><SessionToken>session</SessionToken><Expiration>%s</Expiration></Credentials>` +
	`</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`

// TestModes checks that each auth mode takes its own identity, whatever else lies about.
func TestModes(t *testing.T) {
	setDecoys(t)
	token := write(t, "the token")
	inAnHour := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	tokenService := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Form.Get("WebIdentityToken") != "the token" || r.Form.Get("RoleArn") != "arn:aws:iam::1:role/backup" {
			t.Errorf("STS got %v, %v", r.Form, err)
		}
		fmt.Fprintf(w, sts, inAnHour)
	})
	agent := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "the token" {
			t.Errorf("the agent got %v", r.Header)
		}
		answer := map[string]string{"AccessKeyId": "pod", "SecretAccessKey": "s", "Token": "session", "Expiration": inAnHour}
		if err := json.NewEncoder(w).Encode(answer); err != nil {
			t.Error(err)
		}
	})
	file := write(t, "[default]\naws_access_key_id = file\naws_secret_access_key = s\n")
	for mode, test := range map[string]struct {
		auth uploader.Auth
		env  map[string]string
		want string
		// giver is who is asked for a credential.
		giver string
	}{
		"webIdentity": {
			uploader.Auth{TokenFile: token, RoleARN: "arn:aws:iam::1:role/backup", STSEndpoint: tokenService},
			nil,
			"role session", "STS, for the role arn:aws:iam::1:role/backup",
		},
		"podIdentity": {
			uploader.Auth{TokenFile: token, CredentialsURL: agent}, nil, "pod session", "the EKS Pod Identity agent",
		},
		"accessKey": {
			uploader.Auth{}, map[string]string{"AWS_ACCESS_KEY_ID": "key", "AWS_SESSION_TOKEN": "own"}, "key own", "",
		},
		"credentialsFile": {uploader.Auth{File: file}, nil, "file ", ""},
		"ambient": {uploader.Auth{}, map[string]string{
			"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "", "AWS_SHARED_CREDENTIALS_FILE": file,
			"AWS_ROLE_ARN": "", "AWS_WEB_IDENTITY_TOKEN_FILE": "",
		}, "file ", "the pod or its node (SharedConfigCredentials: " + file + ")"},
	} {
		t.Run(mode, func(t *testing.T) {
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			var who string
			test.auth.Mode = mode
			store, err := s3.New(uploader.S3{
				Bucket: "b", Region: "eu-west-1", Endpoint: storeOf(t, &who), ForcePathStyle: true, Auth: test.auth,
			}, transport.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Stat(t.Context(), "key"); err != nil || who != test.want {
				t.Errorf("signed by %q, want %q; %v", who, test.want, err)
			}
			got, err := store.Authenticate(t.Context())
			if ends := got.Expires.UTC().Format(time.RFC3339); err != nil || got.From != test.giver || strings.HasSuffix(test.want, " session") && ends != inAnHour {
				t.Errorf("given by %+v, want %q until %s; %v", got, test.giver, inAnHour, err)
			}
		})
	}
}

// TestExpiredIsRenewed has a store refuse the first credential.
func TestExpiredIsRenewed(t *testing.T) {
	setDecoys(t)
	given := 0
	tokenService := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		given++
		fmt.Fprintf(w, sts, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	})
	endpoint := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if given == 1 {
			refuse(w, http.StatusBadRequest, "ExpiredToken")
		}
	})
	store, err := s3.New(uploader.S3{
		Bucket: "b", Region: "eu-west-1", Endpoint: endpoint, ForcePathStyle: true,
		Auth: uploader.Auth{
			Mode: "webIdentity", TokenFile: write(t, "t"), RoleARN: "arn:aws:iam::1:role/r", STSEndpoint: tokenService,
		},
	}, transport.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), "key", ""); objstore.ClassOf(err) != objstore.Expired {
		t.Fatalf("got %v", err)
	}
	body, err := store.Open(t.Context(), "key", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil || given != 2 {
		t.Errorf("%d credentials, %v", given, err)
	}
}

// TestTokenService is refused by STS, and has no token.
func TestTokenService(t *testing.T) {
	setDecoys(t)
	for code, want := range map[string]struct {
		class objstore.Class
		cure  string
	}{
		"AccessDenied":          {objstore.Denied, "trust policy"},
		"InvalidIdentityToken":  {objstore.Unauthenticated, "trust policy"},
		"ExpiredTokenException": {objstore.Expired, ""},
	} {
		tokenService := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>No.</Message></Error></ErrorResponse>", code)
		})
		auth := uploader.Auth{
			Mode: "webIdentity", TokenFile: write(t, "t"), RoleARN: "arn:aws:iam::1:role/r", STSEndpoint: tokenService,
		}
		store, err := s3.New(
			uploader.S3{Bucket: "b", Region: "eu-west-1", Endpoint: "http://127.0.0.1:1", ForcePathStyle: true, Auth: auth},
			transport.Options{},
		)
		if err != nil {
			t.Fatal(err)
		}
		_, err = store.Stat(t.Context(), "key")
		fault, ok := errors.AsType[*objstore.Error](err)
		if !ok || fault.Class != want.class || !strings.Contains(fault.Cure, want.cure) {
			t.Errorf("%s: got %+v, want %+v", code, fault, want)
		}
		if text := err.Error(); text != "describe key: AssumeRoleWithWebIdentity: "+code+": No" {
			t.Errorf("it says %q", text)
		}
		if err := os.Remove(auth.TokenFile); err != nil {
			t.Fatal(err)
		}
		if _, err = store.Stat(t.Context(), "key"); !strings.Contains(err.Error(), auth.TokenFile) {
			t.Errorf("without a token it says %q", err)
		}
	}
}

// TestAgent is refused by the EKS Pod Identity agent, which says why in a line of text.
func TestAgent(t *testing.T) {
	setDecoys(t)
	for says, want := range map[string]struct {
		status int
		class  objstore.Class
		cure   string
	}{
		"(ResourceNotFoundException): no association, fault: client": {
			400, objstore.Unauthenticated, "create an EKS Pod Identity association",
		},
		"(AccessDeniedException): no, fault: client":   {400, objstore.Denied, "sts:TagSession"},
		"(ExpiredTokenException): late, fault: client": {400, objstore.Expired, ""},
		"(InvalidTokenException): bad, fault: client": {
			400, objstore.Unauthenticated, "pods.eks.amazonaws.com",
		},
		"Service account token cannot be empty": {400, objstore.Unauthenticated, ""},
		"Too Many Requests":                     {429, objstore.Throttled, ""},
		"the agent has a fault":                 {500, objstore.Transient, ""},
	} {
		agent := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(want.status)
			fmt.Fprint(w, says)
		})
		checkAgent(t, agent, want.class, want.cure, says)
	}
	checkAgent(t, "http://127.0.0.1:1", objstore.Transient, "EKS Pod Identity Agent in the cluster", "connection refused")
}

func checkAgent(t *testing.T, agent string, class objstore.Class, cure, says string) {
	t.Helper()
	store, err := s3.New(uploader.S3{
		Bucket: "b", Region: "eu-west-1", Auth: uploader.Auth{
			Mode: "podIdentity", TokenFile: write(t, "t"), CredentialsURL: agent,
		},
	}, transport.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.Authenticate(t.Context())
	fault, ok := errors.AsType[*objstore.Error](err)
	if !ok || fault.Class != class || !strings.Contains(fault.Cure, cure) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %+v, want %s with a cure that says %q", fault, class, cure)
	}
	if _, err := store.Stat(t.Context(), "key"); objstore.ClassOf(err) != class {
		t.Errorf("a request: got %s: %v, want %s", objstore.ClassOf(err), err, class)
	}
}

func TestModeIsWrong(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	for _, test := range []struct {
		auth uploader.Auth
		want string
	}{
		{uploader.Auth{Mode: "none"}, "s3.auth.mode"},
		{uploader.Auth{Mode: "accessKey"}, "AWS_ACCESS_KEY_ID is empty"},
		{uploader.Auth{Mode: "credentialsFile", File: "/does/not/exist"}, "/does/not/exist"},
		{uploader.Auth{Mode: "credentialsFile", File: write(t, "[other]\naws_access_key_id = a\n")}, "default"},
	} {
		if _, err := s3.New(uploader.S3{Bucket: "b", Auth: test.auth}, transport.Options{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: got %v, want %s", test.auth, err, test.want)
		}
	}
}
