package message

import (
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	// minSecret is the length, in bytes, of the shortest secret that Mask hides: a shorter one is a part of many words.
	minSecret = 8
	// maxSecrets bounds how many secrets are known. The oldest are forgotten: tokens are renewed every hour.
	maxSecrets = 128
	// masked stands for a secret.
	masked = "[secret]"
)

// secrets are those that no text may show.
var secrets struct {
	sync.RWMutex

	known []string // the oldest first
	// forms are the secrets in every form that a text may have them in, the longest first.
	forms []string
}

// Hide makes Mask hide secrets from now on.
func Hide(values ...string) {
	for _, value := range values {
		if len(value) >= minSecret && !isKnown(value) {
			hide(value)
		}
	}
}

func isKnown(value string) bool {
	secrets.RLock()
	defer secrets.RUnlock()
	return slices.Contains(secrets.known, value)
}

func hide(value string) {
	secrets.Lock()
	defer secrets.Unlock()
	secrets.known = append(secrets.known, value)
	if len(secrets.known) > maxSecrets {
		secrets.known = secrets.known[1:]
	}
	var forms []string
	for _, secret := range secrets.known {
		forms = append(forms, secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret))
		quoted := strconv.Quote(secret)
		forms = append(forms, quoted[1:len(quoted)-1])
	}
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	secrets.forms = slices.Compact(forms)
}

// Mask returns text without the secrets that Hide was told of. A server may send back what it was sent.
func Mask(text string) string {
	secrets.RLock()
	defer secrets.RUnlock()
	for _, form := range secrets.forms {
		if strings.Contains(text, form) {
			text = strings.ReplaceAll(text, form, masked)
		}
	}
	return text
}
