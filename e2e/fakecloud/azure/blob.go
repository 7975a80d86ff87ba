package azure

import (
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"lighterman.dev/lighterman/e2e/fakecloud/directory"
	"lighterman.dev/lighterman/e2e/fakecloud/identity"
)

// storageResource is what tokens for Blob Storage are for, in all clouds.
const storageResource = "https://storage.azure.com"

// Blob checks bearer tokens in front of the emulator, which takes any.
type Blob struct {
	Directory *directory.Directory
	Signer    *identity.Signer
	// Next is the emulator. It gets every request that brings no bearer token, as it checks all other proofs itself.
	Next http.Handler
}

func (b *Blob) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		b.Next.ServeHTTP(w, r)
		return
	}
	account, suffix, _ := strings.Cut(r.Host, ".")
	access, err := b.Signer.Verify(raw, storageResource, "https://"+account+"."+suffix)
	if err != nil {
		slog.Info("Blob Storage refuses a token", "account", account, "error", err)
		w.Header().Set("WWW-Authenticate", "Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize resource_id="+storageResource)
		refuse(w, http.StatusUnauthorized, "InvalidAuthenticationInfo", fmt.Sprintf("Authentication information is not given in the correct format or is not valid. Check the value of Authorization header: %v.", err))
		return
	}
	container, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if !b.Directory.MayUseBlobs(access.AppID, account, container, writes(r)) {
		slog.Info("Blob Storage refuses an application", "client", access.AppID, "account", account, "container", container)
		refuse(w, http.StatusForbidden, "AuthorizationPermissionMismatch", "This request is not authorized to perform this operation using this permission.")
		return
	}
	b.Next.ServeHTTP(w, r)
}

// writes reports whether a reader may not do this. A reader may get a key to sign with, in which the role stays what it is.
func writes(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return false
	default:
		return r.URL.Query().Get("comp") != "userdelegationkey"
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
	body := struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: message}
	fmt.Fprint(w, xml.Header)
	if err := xml.NewEncoder(w).Encode(body); err != nil {
		slog.Warn("Answer", "error", err)
	}
}
