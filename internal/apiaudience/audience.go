package apiaudience

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// TokenFile is the file in which the kubelet puts the token with which this process authenticates to the API server.
const TokenFile = "/var/run/secrets/kubernetes.io/serviceaccount/token"

// readToken returns the issuer and the audiences in the token of a pod's own service account: a token that was requested
// without an audience has all those of the API server (kube-apiserver's --api-audiences). The signature is not verified: the
// kubelet wrote the file, and the result only makes the webhook refuse profiles.
func readToken(file string) ([]string, error) {
	token, err := os.ReadFile(file) //nolint:gosec // The kubelet's file.
	if err != nil {
		return nil, err
	}
	parts := strings.Split(strings.TrimSpace(string(token)), ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%s: is not a JSON web token", file)
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, fmt.Errorf("%s: decode the token's payload: %w", file, err)
	}
	var claims struct {
		Issuer   string    `json:"iss"`
		Audience audiences `json:"aud"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, fmt.Errorf("%s: read the token's claims: %w", file, err)
	}
	if claims.Issuer != "" && !slices.Contains(claims.Audience, claims.Issuer) {
		claims.Audience = append(claims.Audience, claims.Issuer)
	}
	return claims.Audience, nil
}

// audiences is the claim aud, a text or a list of texts: RFC 7519, 4.1.3.
type audiences []string

// UnmarshalJSON reads either form.
func (a *audiences) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audiences{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// List returns the audiences that profiles must not name: the given ones and, in a pod, those of the process's own token.
func List(given []string, tokenFile string) ([]string, error) {
	own, err := readToken(tokenFile)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("find the API server's audiences: %w", err)
	}
	return append(slices.Clone(given), own...), nil
}
