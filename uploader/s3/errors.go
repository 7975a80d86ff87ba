package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// meaning is the class of an error code of S3 or STS, and the remedy.
type meaning struct {
	class objstore.Class
	cure  string
}

// conditionalConflict is the code for another write to the key at the same time.
const conditionalConflict = "ConditionalRequestConflict"

// badRequest is the SDK's code for a HEAD that S3 answers with 400. S3 can object to nothing in ours but a session that has run
// out.
const badRequest = "BadRequest"

const (
	wrongRegion = "set region to that of the bucket"
	wrongKey    = "check the access key in the Secret: the store does not know it, or its secret is another"
	noClass     = "check storageClass, sse, objectLock and tags: the store does not take one of them"
)

// errorCodes are the codes of docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and of AssumeRoleWithWebIdentity that
// a status does not show, and those that other stores have made up. HEAD has no body, so no code: the SDK makes one of the
// status, which goes by transport.ByStatus, but for badRequest.
var errorCodes = map[string]meaning{
	"SlowDown":                {objstore.Throttled, ""},
	"Throttling":              {objstore.Throttled, ""},
	"ThrottlingException":     {objstore.Throttled, ""},
	"RequestLimitExceeded":    {objstore.Throttled, ""},
	"TooManyRequests":         {objstore.Throttled, ""},
	"BandwidthLimitExceeded":  {objstore.Throttled, ""},
	"KMS.ThrottlingException": {objstore.Throttled, ""},

	"InternalError":         {objstore.Transient, ""},
	"ServiceUnavailable":    {objstore.Transient, ""},
	"RequestTimeout":        {objstore.Transient, ""},
	"IncompleteBody":        {objstore.Transient, ""},
	"OperationAborted":      {objstore.Transient, ""},
	conditionalConflict:     {objstore.Transient, ""},
	"IDPCommunicationError": {objstore.Transient, ""},

	"ExpiredToken":          {objstore.Expired, ""},
	"ExpiredTokenException": {objstore.Expired, ""},
	"TokenRefreshRequired":  {objstore.Expired, ""},
	badRequest:              {objstore.Expired, ""},

	"InvalidAccessKeyId":         {objstore.Unauthenticated, wrongKey},
	"XAdminUserNotFound":         {objstore.Unauthenticated, wrongKey}, // versitygw 1.8
	"InvalidClientTokenId":       {objstore.Unauthenticated, wrongKey},
	"SignatureDoesNotMatch":      {objstore.Unauthenticated, wrongKey},
	"InvalidToken":               {objstore.Unauthenticated, "check the session token: it is not of this access key"},
	"MissingAuthenticationToken": {objstore.Unauthenticated, ""},
	"InvalidIdentityToken": {
		objstore.Unauthenticated,
		"check the role's trust policy: issuer, audience and the service account's name must be the pod's",
	},
	"IDPRejectedClaim": {objstore.Unauthenticated, "check the identity provider's issuer and audience"},

	"NoSuchBucket":                       {objstore.NoBucket, "create the bucket, or correct its name in the profile"},
	"InvalidBucketName":                  {objstore.NoBucket, "correct the bucket's name in the profile"},
	"PermanentRedirect":                  {objstore.NoBucket, wrongRegion},
	"TemporaryRedirect":                  {objstore.NoBucket, wrongRegion},
	"AuthorizationHeaderMalformed":       {objstore.NoBucket, wrongRegion},
	"IllegalLocationConstraintException": {objstore.NoBucket, wrongRegion},
	"MovedPermanently":                   {objstore.NoBucket, wrongRegion},

	"NoSuchKey":     {objstore.NotFound, ""},
	"NoSuchVersion": {objstore.NotFound, ""},

	"PreconditionFailed": {objstore.Exists, ""},

	"BadDigest":                   {objstore.Corrupt, ""},
	"InvalidDigest":               {objstore.Corrupt, ""},
	"XAmzContentChecksumMismatch": {objstore.Corrupt, ""},
	"XAmzContentSHA256Mismatch":   {objstore.Corrupt, ""},

	"NoSuchUpload":     {objstore.NoUpload, ""},
	"InvalidPart":      {objstore.NoUpload, ""},
	"InvalidPartOrder": {objstore.NoUpload, ""},

	"RequestTimeTooSkewed": {objstore.ClockSkew, ""},

	"InvalidStorageClass": {objstore.Invalid, noClass},
	"InvalidTag":          {objstore.Invalid, noClass},
	"InvalidRequest":      {objstore.Invalid, noClass},
	"InvalidArgument":     {objstore.Invalid, noClass},
	"NotImplemented": {
		objstore.Invalid,
		"the store does not know what the request asks: for writes that never replace an object set uploader.overwrite: true, for checksums set checksums: WhenRequired",
	},
	noObjectLock:            {objstore.Invalid, "switch object lock on for the bucket, or remove uploader.objectLock"},
	"KMS.NotFoundException": {objstore.Invalid, "correct uploader.sse.kmsKeyID"},
	"KMS.DisabledException": {objstore.Invalid, "enable the key of uploader.sse.kmsKeyID"},
	"KeyTooLongError":       {objstore.Invalid, "shorten uploader.key, or the file's name: a key has at most 1024 bytes"},
}

// clearStatuses are those whose codes all have the class of the status. They count even where the rest of the answer is cut off.
var clearStatuses = map[int]bool{
	http.StatusForbidden: true, http.StatusPreconditionFailed: true, http.StatusRequestEntityTooLarge: true,
}

// wrapError returns an error with what was attempted and its class; nil for nil.
func (s *Store) wrapError(ctx context.Context, doing, key string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*objstore.Error](err); ok { // Of the secrets.
		return fmt.Errorf("%s %s: %w", doing, key, shortError{err})
	}
	if agent, ok := errors.AsType[*agentError](err); ok {
		return agent.wrapAgentError(ctx, doing, key)
	}
	wrapped := fmt.Errorf("%s %s: %w", doing, key, s.nameRole(err))
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || answer.HTTPStatusCode() == 0 {
		return classifyUnanswered(ctx, wrapped)
	}
	fault := &objstore.Error{
		Err:   wrapped,
		Class: transport.ClassOfStatus(answer.HTTPStatusCode()),
		After: transport.RetryAfter(answer.Response.Header),
	}
	if k, ok := errorCodes[errorCode(err)]; ok {
		fault.Class, fault.Cure = k.class, k.cure
	}
	if _, cut := errors.AsType[*smithy.DeserializationError](err); cut && !clearStatuses[answer.HTTPStatusCode()] {
		fault.Class = objstore.Transient // The code did not arrive, so the store is asked again.
	}
	s.cureRole(fault, err)
	if fault.Class == objstore.Expired || fault.Class == objstore.Unauthenticated {
		s.credentials.Invalidate()
	}
	return fault
}

// classifyUnanswered returns an error without an answer of the store with its class.
func classifyUnanswered(ctx context.Context, err error) error {
	if fault := transport.ClassifyError(ctx, err); fault != nil {
		return fault
	}
	if isUnsent(err) && ctx.Err() == nil {
		return objstore.AsMisconfigured(err, "")
	}
	return err
}

// isUnsent reports whether the SDK gave an operation up before it sent a request.
func isUnsent(err error) bool {
	_, sent := errors.AsType[*smithyhttp.RequestSendError](err)
	_, answered := errors.AsType[*smithyhttp.ResponseError](err)
	return !sent && !answered && innermostOperation(err) != nil
}

func errorCode(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// shortError prints an error of the SDK in few words: the SDK's own text names each layer that it came through.
type shortError struct{ err error }

func (b shortError) Unwrap() error { return b.err }

func (b shortError) Error() string {
	op := innermostOperation(b.err)
	if op == nil {
		return b.err.Error()
	}
	answer, ok := errors.AsType[*awshttp.ResponseError](op.Err)
	if !ok || answer.HTTPStatusCode() == 0 {
		if sent, ok := errors.AsType[*smithyhttp.RequestSendError](op.Err); ok {
			return transport.ErrorText(sent.Err)
		}
		return op.OperationName + ": " + op.Err.Error()
	}
	text := op.OperationName + ": status " + strconv.Itoa(answer.HTTPStatusCode())
	if api, ok := errors.AsType[smithy.APIError](op.Err); ok {
		text = op.OperationName + ": " + api.ErrorCode() + ": " + strings.TrimSuffix(api.ErrorMessage(), ".")
	}
	if answer.RequestID != "" {
		text += " (request " + answer.RequestID + ")"
	}
	return text
}

// innermostOperation returns the operation that failed: the token service's, where an operation of S3 waited for its credentials.
func innermostOperation(err error) *smithy.OperationError {
	var found *smithy.OperationError
	for {
		op, ok := errors.AsType[*smithy.OperationError](err)
		if !ok {
			return found
		}
		found, err = op, op.Err
	}
}
