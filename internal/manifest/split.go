package manifest

import "bytes"

// splitDocuments cuts a text before each line that begins a document. The parts together are the text. YAML allows no such line
// within a document, not even in a quoted or literal text (YAML 1.2.2, rule c-forbidden).
func splitDocuments(text []byte) [][]byte {
	var parts [][]byte
	start, at := 0, 0
	for line := range bytes.Lines(text) {
		if at > start && startsDocument(line) {
			parts = append(parts, text[start:at])
			start = at
		}
		at += len(line)
	}
	return append(parts, text[start:])
}

// startsDocument reports whether a line is one that begins a document: "---", alone or before a space.
func startsDocument(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// splitHeader returns the text before the content of a part: the line that begins it, blank lines and comments, such as
// Helm's "# Source:". It is kept when the content, which begins at end, is rewritten.
func splitHeader(part []byte) (text []byte, end int) {
	for line := range bytes.Lines(part) {
		text := line
		if startsDocument(line) {
			text = line[len("---"):]
		}
		text = bytes.Trim(text, " \t\r\n")
		// These end a line for the YAML parser, too: what looks like one comment may hold content.
		if len(text) > 0 && (text[0] != '#' || bytes.ContainsAny(text, "\r\u0085\u2028\u2029")) {
			break
		}
		end += len(line)
	}
	if startsDocument(part[end:]) { // The content begins on the line itself: "--- {kind: Pod}".
		return append(bytes.Clone(part[:end]), "---\n"...), end
	}
	return bytes.Clone(part[:end]), end
}
