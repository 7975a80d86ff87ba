package upload_test

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"

	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// backend is a store that runs, with a bucket, and what a sidecar is told of it.
type backend struct {
	name string
	// address is where it listens, and certificate is what it shows.
	address     string
	certificate teststores.Files
	// store goes straight to it, with leave to do everything.
	store objstore.Store
	// settings are those of a store at an address that leads to this one.
	settings func(address string) uploader.Config
	// env has the secrets.
	env []string
	// part is the smallest that it takes in the middle of an upload, in MiB.
	part int64
	// answers are what it says in a fault, as the real service does.
	answers map[string]answer
}

// answer is what a store says instead of doing what it is asked.
type answer struct {
	status int
	body   string
	header map[string]string
}

func (a answer) give(w http.ResponseWriter) {
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	io.WriteString(w, a.body)
}

// What a store can be made to answer.
const (
	slowDown = "slow down"
	denied   = "denied"
	broken   = "internal error"
	skewed   = "the clock is wrong"
	taken    = "the key is taken"
	tooLarge = "too large"
	busy     = "busy"
)

// bucket is where the pods of all tests write, each below a prefix of its own.
const bucket = "sidecar"

// backends start a store of each kind. The variables that they set are the whole test's: its parts may run at a time.
var backends = map[string]func(testing.TB) *backend{
	"S3": func(tb testing.TB) *backend {
		tb.Helper()
		server := teststores.Versitygw(tb, teststores.S3Options{})
		return s3Backend(tb, server, server.Bucket(tb, bucket))
	},
	"Azure": func(tb testing.TB) *backend {
		tb.Helper()
		return azureBackend(tb, teststores.Azurite(tb))
	},
	"GCS": func(tb testing.TB) *backend {
		tb.Helper()
		server := teststores.FakeGCS(tb)
		name := server.Bucket(tb, bucket)
		metadata := server.Metadata(tb)
		says := func(status int, reason string) answer {
			return answer{
				status, `{"error": {"code": ` + strconv.Itoa(status) + `, "message": "No.", "errors": [{"reason": "` + reason + `"}]}}`,
				map[string]string{"Content-Type": "application/json"},
			}
		}
		return &backend{
			address: server.Address, certificate: server.Files, store: openGCS(tb, server, name), part: 1,
			env: []string{"GCE_METADATA_HOST=" + metadata},
			settings: func(address string) uploader.Config {
				return uploader.Config{GCS: &uploader.GCS{
					Bucket: name, Endpoint: "https://" + address, Auth: uploader.Auth{Mode: "gkeWorkloadIdentity"},
				}}
			},
			answers: map[string]answer{
				slowDown: says(429, "rateLimitExceeded"), denied: says(403, "forbidden"), broken: says(500, "backendError"),
				taken: says(412, "conditionNotMet"), tooLarge: says(413, "uploadTooLarge"), busy: says(503, "backendError"),
			},
		}
	},
}

func s3Backend(tb testing.TB, server *teststores.S3, name string) *backend {
	tb.Helper()
	where := locate(tb, server, name)
	says := func(status int, code string) answer {
		return answer{status, "<Error><Code>" + code + "</Code><Message>No.</Message></Error>", nil}
	}
	return &backend{
		address: server.Address, certificate: server.Files, store: openS3(tb, server, where), part: 5,
		env: []string{"AWS_ACCESS_KEY_ID=" + teststores.AccessKey, "AWS_SECRET_ACCESS_KEY=" + teststores.SecretKey},
		settings: func(address string) uploader.Config {
			there := where
			there.Endpoint = "https://" + address
			return uploader.Config{S3: &there}
		},
		answers: map[string]answer{
			slowDown: says(503, "SlowDown"), denied: says(403, "AccessDenied"), broken: says(500, "InternalError"),
			skewed: says(403, "RequestTimeTooSkewed"), taken: says(412, "PreconditionFailed"), tooLarge: says(413, "EntityTooLarge"),
			busy: says(503, "ServiceUnavailable"),
		},
	}
}

func azureBackend(tb testing.TB, server *teststores.Azure) *backend {
	tb.Helper()
	name := server.Container(tb, bucket)
	says := func(status int, code, message string) answer {
		return answer{
			status, "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>" + message + "</Message></Error>",
			map[string]string{"x-ms-error-code": code, "Content-Type": "application/xml"},
		}
	}
	return &backend{
		address: server.Address, certificate: server.Files, store: openAzure(tb, server, name), part: 1,
		env: []string{"AZURE_STORAGE_KEY=" + server.Key},
		settings: func(address string) uploader.Config {
			return uploader.Config{Azure: &uploader.Azure{
				Account: teststores.Account, Container: name, Endpoint: strings.Replace(server.Endpoint, server.Address, address, 1),
				Auth: uploader.Auth{Mode: "accountKey"},
			}}
		},
		answers: map[string]answer{
			slowDown: says(503, "ServerBusy", "The server is busy."),
			denied:   says(403, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission."),
			broken:   says(500, "InternalError", "The server encountered an internal error."),
			skewed:   says(403, "AuthenticationFailed", "Request date header too old: 'Sun, 22 Nov 2026 10:00:00 GMT'"),
			taken:    says(412, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met."),
			tooLarge: says(413, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit."),
			busy:     says(503, "ServerBusy", "The server is busy."),
		},
	}
}
