package caller

import (
	"crypto/subtle"
	"strings"
)

// Path is where the API server posts its reviews, where the path proves nothing. A path that does begins with Path and
// a slash.
const Path = "/mutate--v1-pod"

// Paths knows the paths that the webhook configuration names. While a path is replaced, it accepts the old and the new
// one.
type Paths interface {
	// Accepts reports whether path is one of them. The time that it takes does not depend on how many bytes match.
	Accepts(path string) bool
}

// Secrets are the secrets of the paths that are accepted: Path, a slash, and the secret.
type Secrets []string

var _ Paths = Secrets(nil)

// Accepts compares the path with every secret, in a time that depends on their lengths alone. An empty secret accepts
// nothing.
func (s Secrets) Accepts(path string) bool {
	given, ok := strings.CutPrefix(path, Path+"/")
	accepted := 0
	for _, secret := range s {
		if secret != "" {
			accepted |= subtle.ConstantTimeCompare([]byte(given), []byte(secret))
		}
	}
	return ok && accepted == 1
}
