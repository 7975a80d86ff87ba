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

// meaning is the class of an answer, and the remedy. Reason and text, where set, must be in it.
type meaning struct {
	status       int
	reason, text string
	class        objstore.Class
	cure         string
}

// statusCancelled is the answer to a request that cancels an upload.
const statusCancelled = 499

const (
	grantRole = "grant the identity the role Storage Object User (roles/storage.objectUser) on the bucket"
	noBucket  = "create the bucket, or correct its name in the profile"
)

// storeErrors are the answers of cloud.google.com/storage/docs/json_api/v1/status-codes that the status alone does not show. The
// first match applies.
var storeErrors = []meaning{
	{status: http.StatusBadRequest, text: "crc32c", class: objstore.Corrupt},
	{status: http.StatusUnauthorized, class: objstore.Expired},
	{status: http.StatusForbidden, reason: "rateLimitExceeded", class: objstore.Throttled},
	{status: http.StatusForbidden, reason: "userRateLimitExceeded", class: objstore.Throttled},
	{
		status: http.StatusForbidden, reason: "retentionPolicyNotMet", class: objstore.Exists,
		cure: "the object is protected: wait until its retention ends, or use another key",
	},
	{
		status: http.StatusForbidden, reason: "accountDisabled", class: objstore.Denied,
		cure: "enable billing for the bucket's project",
	},
	{status: http.StatusForbidden, class: objstore.Denied, cure: grantRole},
	{status: http.StatusNotFound, text: "bucket does not exist", class: objstore.NoBucket, cure: noBucket},
	{status: http.StatusGone, class: objstore.NoUpload},
	{status: http.StatusPreconditionFailed, class: objstore.Exists},
}

// createErrors is for requests that make an object: what they do not find is the bucket.
var createErrors = slices.Concat(
	[]meaning{{status: http.StatusNotFound, class: objstore.NoBucket, cure: noBucket}}, storeErrors,
)

// sessionErrors is for the answers of an upload's session, which is a URL of its own.
var sessionErrors = slices.Concat([]meaning{{status: http.StatusNotFound, class: objstore.NoUpload}}, storeErrors)

// tokenErrors is for the token services: Google's STS, its IAM, the metadata server.
var tokenErrors = []meaning{
	{status: http.StatusBadRequest, text: "iat and exp", class: objstore.ClockSkew},
	{
		status: http.StatusBadRequest, class: objstore.Unauthenticated,
		cure: "check the service account's key, or the provider's issuer, audience and attribute condition",
	},
	{status: http.StatusUnauthorized, class: objstore.Unauthenticated, cure: "check the provider's issuer and audience"},
	{
		status: http.StatusForbidden, class: objstore.Denied,
		cure: "grant roles/iam.workloadIdentityUser on the service account to the provider's principal",
	},
	{
		status: http.StatusNotFound, class: objstore.Denied,
		cure: "give the pod's service account, or the node, an identity of Google",
	},
}

// wrapError returns an error with what was attempted and its class; nil for nil.
func (s *Store) wrapError(ctx context.Context, doing, key string, err error) error {
	return s.wrapErrorBy(ctx, storeErrors, doing, key, err)
}

// wrapCreateError is wrapError for requests that make an object.
func (s *Store) wrapCreateError(ctx context.Context, doing, key string, err error) error {
	return s.wrapErrorBy(ctx, createErrors, doing, key, err)
}

// wrapSessionError is wrapError for the requests of an upload's session.
func (s *Store) wrapSessionError(ctx context.Context, doing, key string, err error) error {
	return s.wrapErrorBy(ctx, sessionErrors, doing, key, err)
}

func (s *Store) wrapErrorBy(ctx context.Context, table []meaning, doing, key string, err error) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("%s %s: %w", doing, key, shortError{err})
	if inner, ok := errors.AsType[*objstore.Error](err); ok {
		return &objstore.Error{Class: inner.Class, Cure: inner.Cure, After: inner.After, Err: wrapped}
	}
	token, ofToken := errors.AsType[*tokenError](err)
	if ofToken {
		table, err = tokenErrors, tokenResponse(token)
	}
	answer, ok := errors.AsType[*googleapi.Error](err)
	if !ok {
		if fault := transport.ClassifyError(ctx, wrapped); fault != nil {
			return fault
		}
		if ofToken && s.auth.File != "" && ctx.Err() == nil { // A metadata server may be late; a file is not.
			return objstore.AsMisconfigured(wrapped, "look at the credential file that the profile names")
		}
		return wrapped
	}
	fault := &objstore.Error{
		Class: transport.ClassOfStatus(answer.Code), After: transport.RetryAfter(answer.Header), Err: wrapped,
	}
	for _, k := range table {
		if k.matchesResponse(answer) {
			fault.Class, fault.Cure = k.class, k.cure
			break
		}
	}
	if fault.Class == objstore.Expired || fault.Class == objstore.Unauthenticated {
		s.tokens.renewToken()
	}
	return fault
}

// shortError prints an error in one line, without the URL of a session, which lets whoever has it write.
type shortError struct{ err error }

func (b shortError) Unwrap() error { return b.err }

func (b shortError) Error() string {
	return strings.Join(strings.Fields(transport.ErrorText(b.err)), " ")
}

func (k meaning) matchesResponse(answer *googleapi.Error) bool {
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

// statusCodePattern is in the text of an error of Google's STS and IAM, which has no type: x/oauth2 v0.37.0,
// google/internal/stsexchange and google/internal/impersonate.
var statusCodePattern = regexp.MustCompile(`status code (\d{3}): `)

// tokenResponse returns the answer of a token service; the error itself where none answered.
func tokenResponse(err *tokenError) error {
	if retrieve, ok := errors.AsType[*oauth2.RetrieveError](err.err); ok && retrieve.Response != nil {
		return &googleapi.Error{
			Code: retrieve.Response.StatusCode, Message: retrieve.Error(), Header: retrieve.Response.Header,
		}
	}
	if metadata, ok := errors.AsType[*metadata.Error](err.err); ok {
		return &googleapi.Error{Code: metadata.Code, Message: metadata.Message}
	}
	if match := statusCodePattern.FindStringSubmatch(err.Error()); match != nil {
		code, _ := strconv.Atoi(match[1])
		return &googleapi.Error{Code: code, Message: err.Error()}
	}
	return err.err
}

func statusCodeOf(err error) int {
	if answer, ok := errors.AsType[*googleapi.Error](err); ok {
		return answer.Code
	}
	return 0
}
