package message_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"lighterman.dev/lighterman/internal/message"
)

func TestShorten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "",
		"sixteen bytes...":          "sixteen bytes...",
		"field and a cure at end":   "field … at end",
		"ääääääääää":                "ää … äää",
		"日本語日本語":                    "日 … 本語",
		"a\x1b[2Jb\n":               `a\x1b[2Jb\n`,
		"bad \xff utf":              `bad \xff utf`,
		"\u202eevil":                `\u202eevil`,
		strings.Repeat("\x00", 100): `\x00\ … 00\x00`,
	} {
		got := message.Shorten(text, 16)
		if got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	if got := message.List([]string{"a", "b\n"}); got != `a, b\n` {
		t.Errorf("got %s", got)
	}
	if got := message.List(make([]string, 25)); !strings.HasSuffix(got, ", and 5 more") {
		t.Errorf("got %s", got)
	}
}

func FuzzShorten(f *testing.F) {
	f.Add("text", 16)
	f.Add("\xff\xfe日本語\x00", 20)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = 16 + (limit&0x7fffffff)%4096
		got := message.Shorten(text, limit)
		if len(got) > limit || !utf8.ValidString(got) || message.Shorten(got, limit) != got {
			t.Errorf("%q with limit %d became %q", text, limit, got)
		}
	})
}
