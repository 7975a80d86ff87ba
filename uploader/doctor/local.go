package doctor

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/secrets"
	"lighterman.dev/lighterman/uploader/transport"
)

// checkAuthorities counts the valid certificates of the CA bundle.
func checkAuthorities(_ context.Context, e *examination) (string, error) {
	if e.Config.CAFile == "" {
		return "", errNotApplicable
	}
	rest, err := os.ReadFile(e.Config.CAFile)
	if err != nil {
		return "", newError(objstore.Untrusted, "look at the ConfigMap or Secret of spec.caBundle", "%w", err)
	}
	var valid, ended int
	for block, rest := pem.Decode(rest); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return "", newError(objstore.Untrusted, "put certificates in PEM into spec.caBundle", "%s: %w", e.Config.CAFile, err)
		case time.Now().After(cert.NotAfter):
			ended++
		default:
			valid++
		}
	}
	if valid == 0 {
		return "", newError(objstore.Untrusted, "put certificates in PEM into spec.caBundle", "%s holds no certificate that is valid, and %d that have ended",
			e.Config.CAFile, ended)
	}
	return fmt.Sprintf("%d certificates in %s, %d of them ended", valid+ended, e.Config.CAFile, ended), nil
}

// claims are those of a token that this package shows: audience, subject and end.
type claims struct {
	Audience any    `json:"aud"`
	Expires  int64  `json:"exp"`
	Subject  string `json:"sub"`
}

// checkToken reads the projected token. The token service checks its signature.
func checkToken(_ context.Context, e *examination) (string, error) {
	auth := e.location.Identity()
	if auth.TokenFile == "" {
		return "", errNotApplicable
	}
	const cure = "the kubelet projects it: look at the pod's volume lighterman-credentials"
	text, err := os.ReadFile(auth.TokenFile)
	if err != nil {
		return "", newError(objstore.Unauthenticated, cure, "%w", err)
	}
	pieces := strings.Split(strings.TrimSpace(string(text)), ".")
	var c claims
	if len(pieces) != 3 {
		return "", newError(objstore.Unauthenticated, cure, "%s holds no token", auth.TokenFile)
	}
	raw, err := base64.RawURLEncoding.DecodeString(pieces[1])
	if err = errors.Join(err, json.Unmarshal(raw, &c)); err != nil {
		return "", newError(objstore.Unauthenticated, cure, "%s holds no token: %w", auth.TokenFile, err)
	}
	left := time.Until(time.Unix(c.Expires, 0)).Round(time.Second)
	if left <= 0 {
		return "", newError(
			objstore.Expired, "look at the node's clock and at the kubelet, which renews it", "the token of %s ended %v ago",
			c.Subject, -left,
		)
	}
	return fmt.Sprintf("of %s, for %v, valid for %v", c.Subject, c.Audience, left), nil
}

func checkCredentialFile(_ context.Context, e *examination) (string, error) {
	auth := e.location.Identity()
	if auth.File == "" {
		return "", errNotApplicable
	}
	info, err := os.Stat(auth.File)
	if err == nil && info.Size() == 0 {
		err = fmt.Errorf("%s is empty", auth.File)
	}
	if err != nil {
		return "", newError(objstore.Unauthenticated, "look at the Secret that the profile names, and its key", "%w", err)
	}
	return fmt.Sprintf("%s, %d bytes", auth.File, info.Size()), nil
}

// checkSecrets lists the variables or files of the secrets that exist, and never their values.
func checkSecrets(_ context.Context, e *examination) (string, error) {
	auth := e.location.Identity()
	names := uploader.SecretVariables(e.location.StoreName(), auth.Mode)
	if len(names) == 0 || (auth.Mode == "servicePrincipal" && auth.File != "") {
		return "", errNotApplicable
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return strings.TrimSpace(e.readSecret(auth, name)) != "" || name == "AWS_SESSION_TOKEN" // A key may have none.
	})
	if len(missing) > 0 {
		return "", newError(
			objstore.Unauthenticated, "look at the Secret that the profile names, and its keys", "%s is not set",
			describeAll(auth, missing),
		)
	}
	found, padded := make([]string, 0, len(names)), make([]string, 0, len(names))
	for _, name := range names {
		text := e.readSecret(auth, name)
		if text != "" {
			found = append(found, name)
		}
		value := strings.TrimSpace(text)
		if err := secrets.CheckVariable(&auth, name, value); err != nil {
			return "", err
		}
		if value != text {
			padded = append(padded, auth.DescribeSecret(name))
		}
	}
	return describeSecrets(auth, found, padded)
}

// describeAll lists secrets with where they come from.
func describeAll(auth uploader.Auth, names []string) string {
	described := make([]string, len(names))
	for i, name := range names {
		described[i] = auth.DescribeSecret(name)
	}
	return strings.Join(described, ", ")
}

// describeSecrets describes secrets that are there. padded are those with a line break or a space around them, as echo writes it into
// a file: the uploader leaves that out, and a program that reads the variable does not.
func describeSecrets(auth uploader.Auth, names, padded []string) (string, error) {
	const advice = "make the Secret with kubectl create secret generic … --from-literal, or its files with printf in place of echo"
	found := strings.Join(names, ", ")
	around := strings.Join(padded, ", ") + ": a line break or a space stands before or behind the value"
	switch {
	case auth.SecretsDirectory == "" && len(padded) > 0:
		return "", newError(objstore.Misconfigured, advice, "%s: the uploader leaves it out, and programs that read the variable do not", around)
	case len(padded) > 0:
		found = fmt.Sprintf("%s in files of %s. %s, which the uploader leaves out and other programs do not: %s", found, auth.SecretsDirectory,
			around, advice)
	case auth.SecretsDirectory != "":
		found += " in files of " + auth.SecretsDirectory
	}
	return found, nil
}

// readSecret reads a secret from its file, or from its variable where the mode has no files; empty: there is none.
func (e *examination) readSecret(auth uploader.Auth, name string) string {
	if auth.SecretsDirectory == "" {
		return e.Getenv(name)
	}
	text, err := os.ReadFile(filepath.Join(auth.SecretsDirectory, uploader.SecretFile(name)))
	if err != nil {
		return ""
	}
	return string(text)
}

// maxSkew is the difference of clocks from which on stores refuse requests: Amazon's is 15 minutes, tokens' often five.
const maxSkew = 5 * time.Minute

// checkEndpoint sends an empty request to the store: the answer shows name, network, TLS and clock.
func checkEndpoint(ctx context.Context, e *examination) (string, error) {
	where := e.location.ServiceURL()
	if where == "" {
		return "", errNotApplicable
	}
	client, err := transport.New(transport.Options{CAFile: e.Config.CAFile})
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, where, http.NoBody)
	if err != nil {
		return "", newError(objstore.Invalid, "correct the endpoint", "%w", err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return "", explainUnreachable(ctx, where, err)
	}
	defer answer.Body.Close()
	date, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return where + " answers, without a date", nil
	}
	difference := time.Since(date).Round(time.Second)
	if difference.Abs() > maxSkew {
		return "", newError(objstore.ClockSkew, "", "%s answers, and its clock differs by %v", where, difference)
	}
	return fmt.Sprintf("%s answers; the clocks differ by %v", where, difference), nil
}

// explainUnreachable returns the error of a store that did not answer, with the remedy that the error itself has.
func explainUnreachable(ctx context.Context, where string, err error) error {
	err = fmt.Errorf("reach %s: %w", where, err)
	found, ok := errors.AsType[*objstore.Error](transport.ClassifyError(ctx, err))
	if ok && (found.Cure != "" || found.Class != objstore.Transient) {
		return found
	}
	return newError(objstore.Transient, "look at the endpoint, the pod's network policies, and spec.caBundle", "%w", err)
}
