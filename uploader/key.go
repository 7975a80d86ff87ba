package uploader

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// DefaultKey is the template of keys where none is set.
const DefaultKey = "{namespace}/{pod}/{path}"

// Reserved is the name that the uploader keeps for itself, in the spool and below the keys of a pod: no file of that name
// is uploaded, so a manifest can never be mistaken for one.
const Reserved = ".lighterman"

// MaxKey is the longest key in bytes: that of Amazon S3 and Google Cloud Storage, and no more than Azure's 1,024
// characters.
const MaxKey = 1024

// Pod is the pod of a run.
type Pod struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	UID       string `json:"uid"`
}

// placeholders are those of a template, apart from {path}.
var placeholders = map[string]func(Pod) string{
	"namespace": func(p Pod) string { return p.Namespace },
	"pod":       func(p Pod) string { return p.Name },
	"uid":       func(p Pod) string { return p.UID },
}

// Template makes keys: {namespace}, {pod} and {uid} stand for the pod, {path} for a file's path in the spool.
type Template struct{ pieces []piece }

// piece is text, or the name of a placeholder.
type piece struct{ text, name string }

// ParseTemplate reads a template. {path} must be in it once: without it all files would have one key.
func ParseTemplate(text string) (*Template, error) {
	var t Template
	paths := 0
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "{")
		if strings.Contains(before, "}") {
			return nil, fmt.Errorf("is %q, with a } that closes nothing: remove it", text)
		}
		if before != "" {
			t.pieces = append(t.pieces, piece{text: before})
		}
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		if _, known := placeholders[name]; !closed || (!known && name != "path") {
			return nil, fmt.Errorf(
				"is %q, with a placeholder that does not exist: write {namespace}, {pod}, {uid} or {path}", text,
			)
		}
		if name == "path" {
			paths++
		}
		t.pieces = append(t.pieces, piece{name: name})
		rest = tail
	}
	switch {
	case paths != 1:
		return nil, fmt.Errorf(
			"is %q, with {path} %d times: write it once, so that each file has a key of its own", text, paths,
		)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return nil, fmt.Errorf("is %q: write text in UTF-8, without control characters", text)
	case strings.HasPrefix(text, "/") || strings.HasSuffix(text, "/") || strings.Contains(text, "//"):
		return nil, fmt.Errorf("is %q: write it without a slash at either end, and without two in a row", text)
	}
	return &t, nil
}

// IsPerPod reports whether no other pod has keys that begin as this one's do: {uid}, or {namespace} and {pod}, stand in front
// of {path}, with a slash behind them.
func (t *Template) IsPerPod() bool {
	seen := map[string]bool{}
	last := ""
	for _, p := range t.pieces {
		if p.name == "path" {
			break
		}
		seen[p.name], last = true, p.text
	}
	return strings.HasSuffix(last, "/") && (seen["uid"] || (seen["namespace"] && seen["pod"]))
}

// Keys are those of one pod.
type Keys struct{ before, after string }

// PodPlaceholder stands in a prefix for the name of a pod that had none yet when its uploader was configured.
const PodPlaceholder = "{pod}"

// Keys returns the keys of a pod below a prefix.
func (t *Template) Keys(prefix string, pod Pod) Keys {
	prefix = strings.ReplaceAll(prefix, PodPlaceholder, pod.Name)
	var before, after strings.Builder
	if prefix != "" {
		before.WriteString(prefix + "/")
	}
	to := &before
	for _, p := range t.pieces {
		switch {
		case p.name == "path":
			to = &after
		case p.name != "":
			to.WriteString(placeholders[p.name](pod))
		default:
			to.WriteString(p.text)
		}
	}
	return Keys{before: before.String(), after: after.String()}
}

// Prefix returns the beginning of all keys of the pod.
func (k Keys) Prefix() string { return k.before }

// ErrKeyTooLong means that no store takes the key of a file.
var ErrKeyTooLong = errors.New("the key is too long")

// Of returns the key of the file at a path in the spool. Different paths have different keys.
func (k Keys) Of(path string) (string, error) {
	key := k.before + Escape(path) + k.after
	if len(key) > MaxKey {
		return "", fmt.Errorf(
			"%w: %d bytes, and %d is the most: give the file a shorter name", ErrKeyTooLong, len(key), MaxKey,
		)
	}
	return key, nil
}

// Manifest returns the key of the manifest of a run.
func (k Keys) Manifest(uid string) string { return k.reservedKey(uid, "manifest.json") }

// Probe returns the key of the object that the preflight writes.
func (k Keys) Probe(uid string) string { return k.reservedKey(uid, "probe") }

func (k Keys) reservedKey(uid, name string) string {
	return k.before + Reserved + "/" + uid + "/" + name
}

// Escape returns a path, which may hold any bytes, as text that every store takes unchanged. It writes %XX for a control
// character, a byte that is not UTF-8, a backslash (Azure takes it for a slash), a dot at the end of a name (Azure drops
// it), the two characters that XML cannot hold, and % itself: therefore different paths stay different.
func Escape(path string) string {
	if !strings.ContainsFunc(path, needsEscape) && !strings.Contains(path, "./") && !strings.HasSuffix(path, ".") {
		return path
	}
	var b strings.Builder
	for i, r := range path {
		size := 1
		if r != utf8.RuneError {
			size = utf8.RuneLen(r)
		} else if strings.HasPrefix(path[i:], string(utf8.RuneError)) {
			size = len(string(utf8.RuneError))
		}
		here, rest := path[i:i+size], path[i+size:]
		if needsEscape(r) && (r != utf8.RuneError || size == 1) || (r == '.' && (rest == "" || rest[0] == '/')) {
			for _, c := range []byte(here) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
			continue
		}
		b.WriteString(here)
	}
	return b.String()
}

// needsEscape reports whether a character may need to be escaped; utf8.RuneError needs it where it stands for a byte.
func needsEscape(r rune) bool {
	return r == '%' || r == '\\' || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF || unicode.IsControl(r)
}
