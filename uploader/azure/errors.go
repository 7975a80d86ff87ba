package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// meaning is the class of an error code, and the remedy. Text, where set, must be in the answer too: Azure has one code for
// several errors.
type meaning struct {
	code, text string
	class      objstore.Class
	cure       string
}

const (
	assignRole = "assign the identity the role Storage Blob Data Contributor on the container"
	checkKey   = "check the account key, the SAS token or the connection string in the Secret"
	federate   = "check the federated credential: issuer, subject and audience must be those of the pod's token"
)

// errorCodes are the codes of learn.microsoft.com/rest/api/storageservices/blob-service-error-codes and of Entra ID
// (learn.microsoft.com/entra/identity-platform/reference-error-codes) that a status does not show. The first match applies.
var errorCodes = []meaning{
	{code: string(bloberror.ServerBusy), class: objstore.Throttled},
	{code: string(bloberror.OperationTimedOut), class: objstore.Transient},
	{code: string(bloberror.InternalError), class: objstore.Transient},
	{code: string(bloberror.ContainerBeingDeleted), class: objstore.NoBucket},
	{
		code: string(bloberror.ContainerNotFound), class: objstore.NoBucket,
		cure: "create the container, or correct its name in the profile",
	},
	{code: string(bloberror.ContainerDisabled), class: objstore.NoBucket},
	{code: string(bloberror.BlobNotFound), class: objstore.NotFound},
	{code: string(bloberror.BlobAlreadyExists), class: objstore.Exists},
	{code: string(bloberror.ConditionNotMet), class: objstore.Exists},
	{code: string(bloberror.UnauthorizedBlobOverwrite), class: objstore.Exists},
	{
		code: string(bloberror.BlobImmutableDueToPolicy), class: objstore.Exists,
		cure: "the blob is protected: wait until its policy ends, or use another key",
	},
	{code: string(bloberror.MD5Mismatch), class: objstore.Corrupt},
	{code: string(bloberror.CRC64Mismatch), class: objstore.Corrupt},
	{code: string(bloberror.InvalidBlockList), class: objstore.NoUpload},
	{
		code: string(bloberror.InvalidBlobOrBlock), class: objstore.Invalid,
		cure: "another program left blocks at this key: delete the blob, use another key, or wait a week",
	},
	{
		code: string(bloberror.AuthenticationFailed), text: "not valid in the specified time frame", class: objstore.Expired,
		cure: "give the Secret a SAS token that is valid now",
	},
	{code: string(bloberror.AuthenticationFailed), text: "Request date header too old", class: objstore.ClockSkew},
	{code: string(bloberror.AuthenticationFailed), class: objstore.Unauthenticated, cure: checkKey},
	{code: string(bloberror.InvalidAuthenticationInfo), text: "expired", class: objstore.Expired},
	{code: string(bloberror.InvalidAuthenticationInfo), class: objstore.Unauthenticated, cure: checkKey},
	{code: string(bloberror.NoAuthenticationInformation), class: objstore.Unauthenticated, cure: checkKey},
	{code: string(bloberror.AuthorizationPermissionMismatch), class: objstore.Denied, cure: assignRole},
	{
		code: string(bloberror.AuthorizationFailure), class: objstore.Denied,
		cure: "allow the cluster in the storage account's firewall, and give the identity its role, or the SAS token the permissions r, c, w, d and l and a time that is not over",
	},
	{
		code: "KeyBasedAuthenticationNotPermitted", class: objstore.Denied,
		cure: "the storage account refuses keys: use an identity of Entra ID",
	},
	{
		code: string(bloberror.InvalidBlobTier), class: objstore.Invalid,
		cure: "correct uploader.storageClass: Hot, Cool, Cold or Archive",
	},
	{code: string(bloberror.InvalidMetadata), class: objstore.Invalid},

	{code: "AADSTS700211", class: objstore.Unauthenticated, cure: federate},
	{code: "AADSTS700212", class: objstore.Unauthenticated, cure: federate},
	{code: "AADSTS700213", class: objstore.Unauthenticated, cure: federate},
	{code: "AADSTS70021", class: objstore.Unauthenticated, cure: federate},
	{
		code: "AADSTS700016", class: objstore.Unauthenticated,
		cure: "correct clientID, or tenantID: the tenant does not know the application",
	},
	{code: "AADSTS90002", class: objstore.Unauthenticated, cure: "correct tenantID"},
	{code: "AADSTS7000215", class: objstore.Unauthenticated, cure: "correct the client secret in the Secret"},
	{
		code: "AADSTS7000222", class: objstore.Expired,
		cure: "give the application a new client secret, and put it into the Secret",
	},
	{
		code: "AADSTS700024", class: objstore.Expired,
		cure: "the pod's token is not valid at this time: see whether the kubelet renews the token file, and set the node's clock",
	},
}

// wrapError returns an error with what was attempted and its class; nil for nil.
func wrapError(ctx context.Context, doing, key string, err error) error {
	if err == nil {
		return nil
	}
	a := responseOf(err)
	wrapped := fmt.Errorf("%s %s: %w", doing, key, shortError{err, a})
	if a == nil {
		return classifyUnanswered(ctx, wrapped)
	}
	fault := &objstore.Error{Err: wrapped, Class: transport.ClassOfStatus(a.status), After: transport.RetryAfter(a.header)}
	if a.entra && fault.Class == objstore.Invalid {
		fault.Class = objstore.Unauthenticated // Entra ID answers with 400 where others answer with 401.
	}
	for _, k := range errorCodes {
		if k.code == a.code && strings.Contains(err.Error(), k.text) {
			fault.Class, fault.Cure = k.class, k.cure
			break
		}
	}
	return fault
}

// classifyUnanswered returns an error without an answer with its class. The SDK marks the errors that it makes before it sends a
// request.
func classifyUnanswered(ctx context.Context, err error) error {
	if _, ok := errors.AsType[*objstore.Error](err); ok { // Of the secrets.
		return err
	}
	if fault := transport.ClassifyError(ctx, err); fault != nil {
		return fault
	}
	_, marked := errors.AsType[interface {
		error
		NonRetriable()
	}](err)
	if marked && ctx.Err() == nil {
		return objstore.AsMisconfigured(err, "")
	}
	return err
}

// response is an answer of the storage account, or of Entra ID.
type response struct {
	status     int
	code, text string
	header     http.Header
	entra      bool
}

var aadstsPattern = regexp.MustCompile(`AADSTS\d+`)

// responseOf returns the answer in an error; nil where there is none.
func responseOf(err error) *response {
	if entra, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok && entra.RawResponse != nil {
		return &response{
			status: entra.RawResponse.StatusCode,
			header: entra.RawResponse.Header,
			entra:  true,
			code:   aadstsPattern.FindString(entra.Error()),
		}
	}
	if store, ok := errors.AsType[*azcore.ResponseError](err); ok {
		return &response{
			status: store.StatusCode, header: store.RawResponse.Header, code: store.ErrorCode, text: responseMessage(store),
		}
	}
	return nil
}

var messagePattern = regexp.MustCompile(`<Message>([^<\n]*)`)

// responseMessage returns the sentence in an answer's XML.
func responseMessage(response *azcore.ResponseError) string {
	if match := messagePattern.FindStringSubmatch(response.Error()); match != nil {
		return match[1]
	}
	return http.StatusText(response.StatusCode)
}

// shortError prints an error in one line: the SDK's own print the whole answer.
type shortError struct {
	err error
	a   *response
}

func (b shortError) Unwrap() error { return b.err }

func (b shortError) Error() string {
	if b.a == nil || b.a.entra {
		return strings.Join(strings.Fields(transport.ErrorText(b.err)), " ")
	}
	return fmt.Sprintf("%s: %s (status %d)", b.a.code, strings.TrimSuffix(b.a.text, "."), b.a.status)
}
