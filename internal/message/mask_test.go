package message_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"lighterman.dev/lighterman/internal/message"
)

// TestMask hides secrets in each form that a text may have them in.
func TestMask(t *testing.T) {
	const secret = `wJalr/XUtnFEMI+K7 <"&'MDENG`
	message.Hide(secret, "short", "wJalr/XUtnFEMI")
	for _, form := range []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), `wJalr/XUtnFEMI+K7 &lt;&#34;&amp;&#39;MDENG`, fmt.Sprintf("%q", secret),
	} {
		for name, got := range map[string]string{"Mask": message.Mask("you sent " + form + ", no"), "Line": message.Line("you sent " + form + ", no")} {
			if strings.Contains(got, "MDENG") || strings.Contains(got, "wJalr") || !strings.HasPrefix(got, "you sent ") || !strings.HasSuffix(got, ", no") {
				t.Errorf("%s: %s became %s", name, form, got)
			}
		}
	}
	if got := message.Line(strings.Repeat("x", 2040) + secret + strings.Repeat("y", 3000)); strings.Contains(got, "wJalr") || strings.Contains(got, "MDENG") {
		t.Errorf("a piece is left where the line was cut: %s", got)
	}
	if got := message.Mask("a short text"); got != "a short text" {
		t.Errorf("got %s", got)
	}
}

// TestMaskForgets knows the newest of many tokens.
func TestMaskForgets(t *testing.T) {
	for n := range 1000 {
		message.Hide(fmt.Sprintf("token-of-hour-%04d", n))
	}
	if got := message.Mask("token-of-hour-0999 token-of-hour-0000"); got != "[secret] token-of-hour-0000" {
		t.Errorf("got %s", got)
	}
}
