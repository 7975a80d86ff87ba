package injector

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// filledMark begins the hash of a value that was written into a variable of the container's own, which said nothing.
const filledMark = "~"

// digits are a short hash in hexadecimal.
type digits [8]byte

// hashText tells values apart that come about by chance. It proves nothing against who computes it.
func hashText(kind, value string) digits {
	var text [256]byte // Most values fit, so that they are not copied to the heap.
	return hashBytes(append(append(text[:0], kind...), value...))
}

func hashBytes(text []byte) digits {
	sum := sha256.Sum256(text)
	var d digits
	hex.Encode(d[:], sum[:len(d)/2])
	return d
}

// hashVariable returns the hash of a variable's value; known is false for references other than to a key of a Secret or of a
// ConfigMap or to a field of the pod, which are never Lighterman's.
func hashVariable(e *corev1.EnvVar) (d digits, known bool) {
	if e.ValueFrom == nil {
		return hashText("=", e.Value), true
	}
	if ref := e.ValueFrom.SecretKeyRef; ref != nil {
		return hashReference("secret ", ref.Name, ref.Key, ref.Optional), true
	}
	if ref := e.ValueFrom.ConfigMapKeyRef; ref != nil {
		return hashReference("configMap ", ref.Name, ref.Key, ref.Optional), true
	}
	if field := e.ValueFrom.FieldRef; field != nil {
		return hashText("field ", field.FieldPath), true
	}
	return d, false
}

func hashReference(kind, name, key string, optional *bool) digits {
	var space [256]byte
	text := append(append(append(append(space[:0], kind...), name...), '/'), key...)
	return hashBytes(strconv.AppendBool(append(text, ' '), optional != nil && *optional))
}

// isHashOf reports whether the recorded text is the hash of the variable's value.
func isHashOf(recorded string, e *corev1.EnvVar) bool {
	d, known := hashVariable(e)
	if !known {
		return recorded == ""
	}
	return recorded == string(d[:])
}

// sortEntries sorts entries by key; of several with one key the last remains. It changes the list.
func sortEntries(entries []entry) []entry {
	byKey := func(a, b entry) int { return cmp.Compare(a.key, b.key) }
	if !slices.IsSortedFunc(entries, byKey) {
		slices.SortStableFunc(entries, byKey)
	}
	sorted := entries[:0]
	for i := range entries {
		if i+1 == len(entries) || entries[i].key != entries[i+1].key {
			sorted = append(sorted, entries[i])
		}
	}
	return sorted
}

// mergeEntries returns the entries of both sorted lists, sorted; of two with one key that of b. Neither list is changed.
func mergeEntries(a, b []entry) []entry {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	return sortEntries(slices.Concat(a, b))
}

// entriesOf returns a map's entries, sorted by key.
func entriesOf(m map[string]string) []entry {
	if len(m) == 0 {
		return nil
	}
	entries := make([]entry, 0, len(m))
	for key, value := range m {
		entries = append(entries, entry{key, value})
	}
	return sortEntries(entries)
}

// hashValues returns the entries with hashes in place of their values, sorted by key.
func (a *arena) hashValues(entries []entry) []entry {
	if len(entries) == 0 {
		return nil
	}
	hashes := make([]entry, len(entries))
	for i, e := range entries {
		d := hashText("", e.value)
		hashes[i] = entry{e.key, a.concat(string(d[:]))}
	}
	return sortEntries(hashes)
}

// hashEnv returns the hashes of the variables by name, sorted.
func (a *arena) hashEnv(env []corev1.EnvVar) []entry {
	if len(env) == 0 {
		return nil
	}
	hashes := make([]entry, len(env))
	for i := range env {
		hashes[i] = entry{env[i].Name, a.hashOf(&env[i], "")}
	}
	return sortEntries(hashes)
}

// hashFills returns the hashes of the values that are written into variables of the container's own, by name, sorted.
func (a *arena) hashFills(fills []filling) []entry {
	if len(fills) == 0 {
		return nil
	}
	hashes := make([]entry, len(fills))
	for i := range fills {
		hashes[i] = entry{fills[i].env.Name, a.hashOf(fills[i].env, filledMark)}
	}
	return sortEntries(hashes)
}

func (a *arena) hashOf(e *corev1.EnvVar, mark string) string {
	d, known := hashVariable(e)
	if !known {
		return mark
	}
	return a.concat(mark, string(d[:]))
}
