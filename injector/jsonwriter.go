package injector

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// The functions in this file append JSON, byte for byte as encoding/json writes it: what is hashed and what stands in the
// annotations of pods in clusters must not depend on how it was written. They save the reflection over maps.

// appendString appends a JSON string.
func appendString(b []byte, text string) []byte {
	if !needsEscape(text) {
		b = append(b, '"')
		b = append(b, text...)
		return append(b, '"')
	}
	quoted, _ := json.Marshal(text) // Of a string it returns no error.
	return append(b, quoted...)
}

// needsEscape reports whether text may not stand in JSON as it is. What is not ASCII it leaves to encoding/json.
func needsEscape(text string) bool {
	for i := range len(text) {
		if !isPlain[text[i]] {
			return true
		}
	}
	return false
}

// isPlain are the bytes that stand in a JSON string as they are.
var isPlain = func() (plain [256]bool) {
	for c := ' '; c <= '~'; c++ {
		plain[c] = !strings.ContainsRune(`"\<>&`, c)
	}
	return plain
}()

// appendStrings appends a list of strings; nil is null.
func appendStrings(b []byte, list []string) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, text := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, text)
	}
	return append(b, ']')
}

// appendEntries appends an object; the entries are sorted by key.
func appendEntries(b []byte, entries []entry) []byte {
	b = append(b, '{')
	for i := range entries {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, entries[i].key), ':')
		b = appendString(b, entries[i].value)
	}
	return append(b, '}')
}

// appendEnvVar appends a variable.
func appendEnvVar(b []byte, e *corev1.EnvVar) ([]byte, error) {
	b = appendString(append(b, `{"name":`...), e.Name)
	if e.Value != "" {
		b = appendString(append(b, `,"value":`...), e.Value)
	}
	if e.ValueFrom != nil {
		b = append(b, `,"valueFrom":`...)
		if ref := e.ValueFrom.SecretKeyRef; ref != nil && *e.ValueFrom == (corev1.EnvVarSource{SecretKeyRef: ref}) {
			b = appendSecretKeyRef(append(b, `{"secretKeyRef":`...), ref)
			b = append(b, '}')
		} else {
			var err error
			if b, err = appendValue(b, e.ValueFrom); err != nil {
				return nil, err
			}
		}
	}
	return append(b, '}'), nil
}

func appendSecretKeyRef(b []byte, ref *corev1.SecretKeySelector) []byte {
	b = append(b, '{')
	if ref.Name != "" {
		b = append(appendString(append(b, `"name":`...), ref.Name), ',')
	}
	b = appendString(append(b, `"key":`...), ref.Key)
	if ref.Optional != nil {
		b = strconv.AppendBool(append(b, `,"optional":`...), *ref.Optional)
	}
	return append(b, '}')
}

// appendValue appends any value by reflection.
func appendValue(b []byte, value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("write %T as JSON: %w", value, err)
	}
	return append(b, text...), nil
}
