package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// UnsupportedIssuerError reports why the store cannot verify tokens of an issuer. Its guard against requests to inner addresses
// cannot be switched off, and many clusters name themselves by one.
type UnsupportedIssuerError struct{ Issuer, Reason string }

func (e *UnsupportedIssuerError) Error() string {
	return fmt.Sprintf("a token issuer that the store can verify: %q %s; it must be https, without a port, at a public or documentation address", e.Issuer, e.Reason)
}

// Issuer is the cluster's own.
func (s *Store) Issuer(ctx context.Context) (string, error) {
	data, err := s.kube.Discovery().RESTClient().Get().AbsPath("/.well-known/openid-configuration").DoRaw(ctx)
	if err != nil {
		return "", fmt.Errorf("ask cluster for its token issuer: %w", err)
	}
	var doc struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return "", fmt.Errorf("ask cluster for its token issuer: %w", err)
	}
	return doc.Issuer, nil
}

// checkIssuer knows what the gateway refuses, to say it before a pod waits in vain.
func checkIssuer(issuer string) error {
	unsupported := func(reason string) error { return &UnsupportedIssuerError{Issuer: issuer, Reason: reason} }
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return unsupported("is not an https URL")
	}
	if u.Port() != "" {
		return unsupported("has a port")
	}
	name := u.Hostname()
	if ip := net.ParseIP(name); ip != nil {
		if ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast() {
			return unsupported("is at a private address")
		}
		return nil
	}
	if !strings.Contains(name, ".") || strings.HasSuffix(name, ".svc") || strings.HasSuffix(name, ".local") {
		return unsupported("is at a name of the cluster's own, so at a private address")
	}
	return nil
}
