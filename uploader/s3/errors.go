package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/transport"
)

// kind is what an error code of S3 or STS means.
type kind struct {
	class uploader.Class
	cure  string
}

// conflict is another write to the key at the same time.
const conflict = "ConditionalRequestConflict"

// badRequest is what the SDK makes of a HEAD that is answered with 400. There is nothing in our own that S3 could not take but
// a session that has run out.
const badRequest = "BadRequest"

const (
	wrongRegion = "set region to that of the bucket"
	wrongKey    = "check the access key in the Secret: the store does not know it, or its secret is another"
	noClass     = "check storageClass, sse, objectLock and tags: the store does not take one of them"
)

// kinds are the codes of docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and of AssumeRoleWithWebIdentity that
// a status does not tell, and those that other stores have made up. HEAD has no body, so no code: the SDK makes one of the
// status, which goes by transport.ByStatus, but for badRequest.
var kinds = map[string]kind{
	"SlowDown":                {uploader.Throttled, ""},
	"Throttling":              {uploader.Throttled, ""},
	"ThrottlingException":     {uploader.Throttled, ""},
	"RequestLimitExceeded":    {uploader.Throttled, ""},
	"TooManyRequests":         {uploader.Throttled, ""},
	"BandwidthLimitExceeded":  {uploader.Throttled, ""},
	"KMS.ThrottlingException": {uploader.Throttled, ""},

	"InternalError":         {uploader.Transient, ""},
	"ServiceUnavailable":    {uploader.Transient, ""},
	"RequestTimeout":        {uploader.Transient, ""},
	"IncompleteBody":        {uploader.Transient, ""},
	"OperationAborted":      {uploader.Transient, ""},
	conflict:                {uploader.Transient, ""},
	"IDPCommunicationError": {uploader.Transient, ""},

	"ExpiredToken":          {uploader.Expired, ""},
	"ExpiredTokenException": {uploader.Expired, ""},
	"TokenRefreshRequired":  {uploader.Expired, ""},
	badRequest:              {uploader.Expired, ""},

	"InvalidAccessKeyId":         {uploader.Unauthenticated, wrongKey},
	"XAdminUserNotFound":         {uploader.Unauthenticated, wrongKey}, // versitygw 1.8
	"InvalidClientTokenId":       {uploader.Unauthenticated, wrongKey},
	"SignatureDoesNotMatch":      {uploader.Unauthenticated, wrongKey},
	"InvalidToken":               {uploader.Unauthenticated, "check the session token: it is not of this access key"},
	"MissingAuthenticationToken": {uploader.Unauthenticated, ""},
	"InvalidIdentityToken":       {uploader.Unauthenticated, "check the role's trust policy: issuer, audience and the service account's name must be the pod's"},
	"IDPRejectedClaim":           {uploader.Unauthenticated, "check the identity provider's issuer and audience"},

	"NoSuchBucket":                       {uploader.NoBucket, "create the bucket, or correct its name in the profile"},
	"InvalidBucketName":                  {uploader.NoBucket, "correct the bucket's name in the profile"},
	"PermanentRedirect":                  {uploader.NoBucket, wrongRegion},
	"TemporaryRedirect":                  {uploader.NoBucket, wrongRegion},
	"AuthorizationHeaderMalformed":       {uploader.NoBucket, wrongRegion},
	"IllegalLocationConstraintException": {uploader.NoBucket, wrongRegion},
	"MovedPermanently":                   {uploader.NoBucket, wrongRegion},

	"NoSuchKey":     {uploader.NotFound, ""},
	"NoSuchVersion": {uploader.NotFound, ""},

	"PreconditionFailed": {uploader.Exists, ""},

	"BadDigest":                   {uploader.Corrupt, ""},
	"InvalidDigest":               {uploader.Corrupt, ""},
	"XAmzContentChecksumMismatch": {uploader.Corrupt, ""},
	"XAmzContentSHA256Mismatch":   {uploader.Corrupt, ""},

	"NoSuchUpload":     {uploader.NoUpload, ""},
	"InvalidPart":      {uploader.NoUpload, ""},
	"InvalidPartOrder": {uploader.NoUpload, ""},

	"RequestTimeTooSkewed": {uploader.ClockSkew, ""},

	"InvalidStorageClass":   {uploader.Invalid, noClass},
	"InvalidTag":            {uploader.Invalid, noClass},
	"InvalidRequest":        {uploader.Invalid, noClass},
	"InvalidArgument":       {uploader.Invalid, noClass},
	"NotImplemented":        {uploader.Invalid, "the store does not know what the request asks: for writes that never replace an object set uploader.overwrite: true, for checksums set checksums: WhenRequired"},
	noLock:                  {uploader.Invalid, "switch object lock on for the bucket, or remove uploader.objectLock"},
	"KMS.NotFoundException": {uploader.Invalid, "correct uploader.sse.kmsKeyID"},
	"KMS.DisabledException": {uploader.Invalid, "enable the key of uploader.sse.kmsKeyID"},
	"KeyTooLongError":       {uploader.Invalid, "shorten uploader.key, or the file's name: a key has at most 1024 bytes"},
}

// clearStatuses are those whose codes all have the class of the status. They count even where the rest of the answer is cut off.
var clearStatuses = map[int]bool{
	http.StatusForbidden: true, http.StatusPreconditionFailed: true, http.StatusRequestEntityTooLarge: true,
}

// deniedRole is for the token service, where AccessDenied is about the role and not about the bucket.
const deniedRole = "check the role's trust policy: it must allow sts:AssumeRoleWithWebIdentity to the pod's service account"

// fault wraps an error with what was attempted, and gives it its class. Nil stays nil.
func (s *Store) fault(ctx context.Context, doing, key string, err error) error {
	if err == nil {
		return nil
	}
	if agent, ok := errors.AsType[*agentError](err); ok {
		return agent.fault(ctx, doing, key)
	}
	wrapped := fmt.Errorf("%s %s: %w", doing, key, brief{err})
	answer, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || answer.HTTPStatusCode() == 0 {
		if fault := transport.Fault(ctx, wrapped); fault != nil {
			return fault
		}
		return wrapped
	}
	fault := &uploader.Error{
		Err: wrapped, Class: transport.ByStatus(answer.HTTPStatusCode()), After: transport.RetryAfter(answer.Response.Header),
	}
	if k, ok := kinds[codeOf(err)]; ok {
		fault.Class, fault.Cure = k.class, k.cure
	}
	if _, cut := errors.AsType[*smithy.DeserializationError](err); cut && !clearStatuses[answer.HTTPStatusCode()] {
		fault.Class = uploader.Transient // The code did not arrive, so the store is asked again.
	}
	if fault.Class == uploader.Denied && innermost(err).ServiceID == sts.ServiceID {
		fault.Cure = deniedRole
	}
	if fault.Class == uploader.Expired || fault.Class == uploader.Unauthenticated {
		s.credentials.Invalidate()
	}
	return fault
}

func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// brief says an error of the SDK in few words: the SDK's own names each layer that it came through.
type brief struct{ err error }

func (b brief) Unwrap() error { return b.err }

func (b brief) Error() string {
	op := innermost(b.err)
	if op == nil {
		return b.err.Error()
	}
	answer, ok := errors.AsType[*awshttp.ResponseError](op.Err)
	if !ok || answer.HTTPStatusCode() == 0 {
		if sent, ok := errors.AsType[*smithyhttp.RequestSendError](op.Err); ok {
			return transport.Text(sent.Err)
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

// innermost is the operation that failed: the token service's, where an operation of S3 waited for its credentials.
func innermost(err error) *smithy.OperationError {
	var found *smithy.OperationError
	for {
		op, ok := errors.AsType[*smithy.OperationError](err)
		if !ok {
			return found
		}
		found, err = op, op.Err
	}
}
