package gcs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cloud.google.com/go/compute/metadata"
	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// kind is what an answer means. Reason and text, where given, must be in it.
type kind struct {
	status       int
	reason, text string
	class        objstore.Class
	cure         string
}

// statusCancelled is the answer to one who cancels an upload.
const statusCancelled = 499

const (
	grant    = "grant the identity the role Storage Object User (roles/storage.objectUser) on the bucket"
	noBucket = "create the bucket, or correct its name in the profile"
)

// kinds are the answers of cloud.google.com/storage/docs/json_api/v1/status-codes that the status alone does not tell. The
// first that fits counts.
var kinds = []kind{
	{status: http.StatusBadRequest, text: "crc32c", class: objstore.Corrupt},
	{status: http.StatusUnauthorized, class: objstore.Expired},
	{status: http.StatusForbidden, reason: "rateLimitExceeded", class: objstore.Throttled},
	{status: http.StatusForbidden, reason: "userRateLimitExceeded", class: objstore.Throttled},
	{status: http.StatusForbidden, reason: "retentionPolicyNotMet", class: objstore.Exists, cure: "the object is protected: wait until its retention ends, or use another key"},
	{status: http.StatusForbidden, reason: "accountDisabled", class: objstore.Denied, cure: "enable billing for the bucket's project"},
	{status: http.StatusForbidden, class: objstore.Denied, cure: grant},
	{status: http.StatusNotFound, text: "bucket does not exist", class: objstore.NoBucket, cure: noBucket},
	{status: http.StatusGone, class: objstore.NoUpload},
	{status: http.StatusPreconditionFailed, class: objstore.Exists},
}

// ofNew is for requests that make an object: what they do not find is the bucket.
var ofNew = slices.Concat([]kind{{status: http.StatusNotFound, class: objstore.NoBucket, cure: noBucket}}, kinds)

// ofSession is for the answers of an upload's session, which is a URL of its own.
var ofSession = slices.Concat([]kind{{status: http.StatusNotFound, class: objstore.NoUpload}}, kinds)

// ofToken is for the token services: Google's STS, its IAM, the metadata server.
var ofToken = []kind{
	{status: http.StatusBadRequest, text: "iat and exp", class: objstore.ClockSkew},
	{status: http.StatusBadRequest, class: objstore.Unauthenticated, cure: "check the service account's key, or the provider's issuer, audience and attribute condition"},
	{status: http.StatusUnauthorized, class: objstore.Unauthenticated, cure: "check the provider's issuer and audience"},
	{status: http.StatusForbidden, class: objstore.Denied, cure: "grant roles/iam.workloadIdentityUser on the service account to the provider's principal"},
	{status: http.StatusNotFound, class: objstore.Denied, cure: "give the pod's service account, or the node, an identity of Google"},
}

// fault wraps an error with what was attempted, and gives it its class. Nil stays nil.
func (s *Store) fault(ctx context.Context, doing, key string, err error) error {
	return s.classify(ctx, kinds, doing, key, err)
}

// newFault is fault for requests that make an object.
func (s *Store) newFault(ctx context.Context, doing, key string, err error) error {
	return s.classify(ctx, ofNew, doing, key, err)
}

// sessionFault is fault for the requests of an upload's session.
func (s *Store) sessionFault(ctx context.Context, doing, key string, err error) error {
	return s.classify(ctx, ofSession, doing, key, err)
}

func (s *Store) classify(ctx context.Context, table []kind, doing, key string, err error) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("%s %s: %w", doing, key, brief{err})
	if inner, ok := errors.AsType[*objstore.Error](err); ok {
		return &objstore.Error{Class: inner.Class, Cure: inner.Cure, After: inner.After, Err: wrapped}
	}
	if token, ok := errors.AsType[*tokenError](err); ok {
		table, err = ofToken, answerOfToken(token)
	}
	answer, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		if fault := transport.Fault(ctx, wrapped); fault != nil {
			return fault
		}
		return wrapped
	}
	fault := &objstore.Error{Class: transport.ByStatus(answer.Code), After: transport.RetryAfter(answer.Header), Err: wrapped}
	for _, k := range table {
		if k.fits(answer) {
			fault.Class, fault.Cure = k.class, k.cure
			break
		}
	}
	if fault.Class == objstore.Expired || fault.Class == objstore.Unauthenticated {
		s.tokens.renew()
	}
	return fault
}

// brief says an error in one line, without the URL of a session, which lets whoever has it write.
type brief struct{ err error }

func (b brief) Unwrap() error { return b.err }

func (b brief) Error() string { return strings.Join(strings.Fields(transport.Text(b.err)), " ") }

func (k kind) fits(answer *googleapi.Error) bool {
	if k.status != answer.Code || !strings.Contains(strings.ToLower(answer.Message+answer.Body), k.text) {
		return false
	}
	if k.reason == "" {
		return true
	}
	for _, item := range answer.Errors {
		if item.Reason == k.reason {
			return true
		}
	}
	return false
}

// statusCode is in the text of an error of Google's STS and IAM, which has no type: x/oauth2 v0.37.0,
// google/internal/stsexchange and google/internal/impersonate.
var statusCode = regexp.MustCompile(`status code (\d{3}): `)

// answerOfToken is the answer of a token service; the error itself where none answered.
func answerOfToken(err *tokenError) error {
	if retrieve, ok := errors.AsType[*oauth2.RetrieveError](err.err); ok && retrieve.Response != nil {
		return &googleapi.Error{Code: retrieve.Response.StatusCode, Message: retrieve.Error(), Header: retrieve.Response.Header}
	}
	if metadata, ok := errors.AsType[*metadata.Error](err.err); ok {
		return &googleapi.Error{Code: metadata.Code, Message: metadata.Message}
	}
	if match := statusCode.FindStringSubmatch(err.Error()); match != nil {
		code, _ := strconv.Atoi(match[1])
		return &googleapi.Error{Code: code, Message: err.Error()}
	}
	return err.err
}

func statusOf(err error) int {
	if answer, ok := errors.AsType[*googleapi.Error](err); ok {
		return answer.Code
	}
	return 0
}
