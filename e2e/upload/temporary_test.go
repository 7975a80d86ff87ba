package upload_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"lighterman.dev/lighterman/e2e/fakecloud/identity"
	"lighterman.dev/lighterman/e2e/harness/teststores"
)

// temporaryKeys is a token service that gives access keys for a cluster's tokens, and what checks them in front of a
// versitygw: its own token service gives none for less than a quarter of an hour. Each is said to last an hour, and
// runs out before.
type temporaryKeys struct {
	audience string
	cluster  identity.Verifier

	mu sync.Mutex
	// ends are when the keys run out, by session token.
	ends map[string]time.Time
}

// ServeHTTP is AssumeRoleWithWebIdentity.
func (k *temporaryKeys) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	claims, err := k.cluster.Verify(r.Context(), r.FormValue("WebIdentityToken"))
	if err == nil && !claims.Audience.Contains(k.audience) {
		err = identity.ErrAudience
	}
	if err != nil {
		code := "InvalidIdentityToken"
		if errors.Is(err, identity.ErrLifetime) {
			code = "ExpiredTokenException"
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%v</Message></Error></ErrorResponse>", code, err)
		return
	}
	token := rand.Text()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ends == nil {
		k.ends = map[string]time.Time{}
	}
	k.ends[token] = time.Now().Add(sessionLife)
	fmt.Fprintf(w, `<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
		<AccessKeyId>ASIA%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration>
		</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`,
		strings.ToUpper(rand.Text()[:16]), rand.Text(), token, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
}

// passes reports whether a request has a key that is good, and signs it for the store.
func (k *temporaryKeys) passes(w http.ResponseWriter, r *http.Request) bool {
	k.mu.Lock()
	end, known := k.ends[r.Header.Get("X-Amz-Security-Token")]
	k.mu.Unlock()
	code, status := "", http.StatusBadRequest
	switch {
	case !known:
		code, status = "InvalidAccessKeyId", http.StatusForbidden
	case time.Now().After(end):
		code = "ExpiredToken"
	}
	if code == "" {
		for _, name := range []string{"Authorization", "X-Amz-Security-Token", "X-Amz-Date", "Expect"} {
			r.Header.Del(name)
		}
		r.URL.Host = r.Host
		key := aws.Credentials{AccessKeyID: teststores.AccessKey, SecretAccessKey: teststores.SecretKey}
		err := v4.NewSigner().SignHTTP(r.Context(), key, r, r.Header.Get("X-Amz-Content-Sha256"), "s3", teststores.Region, time.Now(),
			func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		if err == nil {
			return true
		}
		code, status = "InternalError", http.StatusInternalServerError
	}
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>No.</Message></Error>", code)
	return false
}
