package metadata

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
)

// EKSAudience is what the agent wants in a token, and what the role's trust policy must name.
const EKSAudience = "pods.eks.amazonaws.com"

// EKS is the agent of EKS Pod Identity: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html.
type EKS struct {
	Directory *directory.Directory
	// Cluster verifies service account tokens.
	Cluster identity.Verifier
	// STS is where sessions come from. The real agent asks a service of EKS for them.
	STS *sts.Client
}

// Handler serves /v1/credentials.
func (e *EKS) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/credentials", e.credentials)
	return mux
}

func (e *EKS) credentials(w http.ResponseWriter, r *http.Request) {
	deny := func(status int, text string) {
		slog.Info("EKS Pod Identity refuses", "error", text)
		http.Error(w, text, status)
	}
	raw := r.Header.Get("Authorization") // the token as it is, without "Bearer"
	claims, err := e.Cluster.Verify(r.Context(), raw)
	if err != nil {
		deny(http.StatusBadRequest, "InvalidTokenException: "+err.Error())
		return
	}
	if !claims.Audience.Contains(EKSAudience) {
		deny(http.StatusBadRequest, "InvalidTokenException: the audience must be "+EKSAudience)
		return
	}
	namespace, account, _ := strings.Cut(strings.TrimPrefix(claims.Subject, "system:serviceaccount:"), ":")
	role, ok := e.Directory.PodRole(namespace, account)
	if !ok {
		deny(http.StatusNotFound, "ResourceNotFoundException: no association of service account "+namespace+"/"+account)
		return
	}
	session, err := e.STS.AssumeRoleWithWebIdentity(r.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: &role, RoleSessionName: aws.String("eks-" + account), WebIdentityToken: &raw,
	})
	if err != nil {
		deny(http.StatusForbidden, "AccessDeniedException: "+err.Error())
		return
	}
	answer(w, http.StatusOK, map[string]string{
		"AccessKeyId":     aws.ToString(session.Credentials.AccessKeyId),
		"SecretAccessKey": aws.ToString(session.Credentials.SecretAccessKey),
		"Token":           aws.ToString(session.Credentials.SessionToken),
		"Expiration":      session.Credentials.Expiration.UTC().Format(time.RFC3339),
		"AccountId":       strings.Split(role, ":")[4],
	})
}
