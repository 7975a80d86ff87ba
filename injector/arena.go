package injector

import "strings"

// arena makes many short strings with few allocations.
type arena struct{ text strings.Builder }

// concat returns the parts as one string.
func (a *arena) concat(parts ...string) string {
	start := a.text.Len()
	for _, part := range parts {
		a.text.WriteString(part)
	}
	return a.text.String()[start:]
}
