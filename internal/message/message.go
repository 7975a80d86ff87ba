package message

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxValue is the length, in bytes, of the longest value that Value leaves whole: that of the longest name in Kubernetes.
const MaxValue = 253

// ellipsis stands for what was cut out.
const ellipsis = " … "

// Value returns a value from outside in the form for messages.
func Value(text string) string { return Shorten(text, MaxValue) }

// Quote returns a value from outside as a quoted string, in the form for messages.
func Quote(text string) string {
	if len(text) > MaxValue {
		text = cutMiddle(text, MaxValue)
	}
	return strconv.Quote(text)
}

// Shorten returns text with at most limit bytes, which must be more than the ellipsis takes. The middle is cut out, between
// two characters: a message names the field at its beginning and the cure at its end. Characters that are not printable are
// escaped as in a Go string.
func Shorten(text string, limit int) string {
	if len(text) > limit {
		text = cutMiddle(text, limit)
	}
	if !isPlain(text) {
		if text = escapeUnprintable(text); len(text) > limit {
			text = cutMiddle(text, limit)
		}
	}
	return text
}

// maxLine is the length, in bytes, of the longest line that Line leaves whole: that of a container's termination message.
const maxLine = 4096

// Line returns text that is partly from outside as one line for a terminal or a log: what is in it can neither begin a line of its own, nor
// move the cursor. The lines of joined errors are separated by semicolons.
func Line(text string) string {
	return Shorten(strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "; "), maxLine)
}

func cutMiddle(text string, limit int) string {
	head := (limit - len(ellipsis)) / 2
	tail := len(text) - (limit - len(ellipsis) - head)
	for head > 0 && !utf8.RuneStart(text[head]) {
		head--
	}
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	return text[:head] + ellipsis + text[tail:]
}

// isPlain reports whether every character of text is printable.
func isPlain(text string) bool {
	for _, r := range text {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

func escapeUnprintable(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(text[i])|0x100, 16)[1:])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}

// List joins the first names of a list with commas, and counts the others.
func List(names []string) string {
	const most = 20
	shown := make([]string, 0, min(len(names), most)+1)
	for _, name := range names[:min(len(names), most)] {
		shown = append(shown, Value(name))
	}
	if left := len(names) - most; left > 0 {
		shown = append(shown, "and "+strconv.Itoa(left)+" more")
	}
	return strings.Join(shown, ", ")
}
