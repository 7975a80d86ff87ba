package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transport"
)

// Authenticate obtains the auth mode's credential, apart from any request to the store.
func (s *Store) Authenticate(ctx context.Context) (objstore.Credential, error) {
	issuer := authModes[s.auth.Mode].issuer
	if issuer == nil {
		return objstore.Credential{}, nil
	}
	got, err := s.credentials.Retrieve(ctx)
	if err != nil {
		return objstore.Credential{}, s.wrapError(ctx, "obtain", "a credential", err)
	}
	credential := objstore.Credential{From: issuer(s.auth, got)}
	if got.CanExpire {
		credential.Expires = got.Expires.Add(expiryWindow) // The cache has taken it off.
	}
	return credential, nil
}

// agentError is an error of the EKS Pod Identity agent, not of the store. It is a line of text, with the code of EKS in it.
type agentError struct{ err error }

func (e *agentError) Error() string { return e.err.Error() }

func (e *agentError) Unwrap() error { return e.err }

// agentErrorCodes are the codes of docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html, which the
// agent passes on. The first that is in the text counts.
var agentErrorCodes = []struct {
	code string
	meaning
}{
	{
		"ResourceNotFoundException",
		meaning{
			objstore.Unauthenticated, "create an EKS Pod Identity association between the pod's service account and a role",
		},
	},
	{
		"AccessDeniedException",
		meaning{
			objstore.Denied,
			"let the role's trust policy allow sts:AssumeRole and sts:TagSession to pods.eks.amazonaws.com, and the node's role eks-auth:AssumeRoleForPodIdentity",
		},
	},
	{"ExpiredTokenException", meaning{objstore.Expired, ""}},
	{
		"InvalidTokenException",
		meaning{objstore.Unauthenticated, "check the token: its audience must be pods.eks.amazonaws.com"},
	},
}

// installAgent is the remedy on a node where no agent answers.
const installAgent = "install the add-on EKS Pod Identity Agent in the cluster, and let the pod's network policies allow 169.254.170.23"

// wrapAgentError returns the error of the agent with what was attempted and its class.
func (e *agentError) wrapAgentError(ctx context.Context, doing, key string) error {
	const from = "%s %s: EKS Pod Identity agent: "
	status, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](e.err)
	if !ok {
		wrapped := fmt.Errorf(from+"%w", doing, key, e)
		fault := transport.ClassifyError(ctx, wrapped)
		if found, ok := errors.AsType[*objstore.Error](fault); ok && found.Class == objstore.Transient {
			found.Cure = installAgent
		}
		if fault != nil {
			return fault
		}
		return wrapped
	}
	fault := &objstore.Error{
		Class: transport.ClassOfStatus(status.HTTPStatusCode()), Err: fmt.Errorf(
			from+"%s", doing, key, strings.TrimLeft(status.Error(), ": "),
		),
	}
	if code := status.HTTPStatusCode(); code == http.StatusBadRequest || code == http.StatusNotFound {
		fault.Class = objstore.Unauthenticated
	}
	for _, k := range agentErrorCodes {
		if strings.Contains(status.Error(), k.code) {
			fault.Class, fault.Cure = k.class, k.cure
			break
		}
	}
	return fault
}
