package injector

import (
	"iter"
	"strings"
)

// referencedNames iterates over the names in $(NAME). Two dollar signs stand for one, and begin no reference
// (k8s.io/kubernetes third_party/forked/golang/expansion/expand.go).
func referencedNames(value string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for {
			at := strings.IndexByte(value, '$')
			if at < 0 || at+1 == len(value) {
				return
			}
			next := value[at+1]
			value = value[at+2:]
			if next != '(' {
				continue
			}
			name, rest, closed := strings.Cut(value, ")")
			if !closed || !yield(name) {
				return
			}
			value = rest
		}
	}
}
