package injector

import (
	"slices"
	"strconv"

	"gomodules.xyz/jsonpatch/v2"
)

// stripper removes what an earlier pass wrote.
type stripper struct {
	// added proves the variables; nil: the record of the earlier pass has none.
	added *Added
	ops   []jsonpatch.Operation
	// unproven are problems: lines of which no record tells whose they are.
	unproven []string
}

// removePath adds the operation that removes what is at the path.
func (s *stripper) removePath(path string) {
	s.ops = append(s.ops, jsonpatch.NewOperation("remove", path, nil))
}

// removeItems returns a copy of the list without the items that are ours, and adds the operations that remove them: from
// behind, so that an index still names the item that it named.
func removeItems[T any](s *stripper, path string, items []T, ours func(*T) bool) []T {
	kept := make([]T, 0, len(items))
	var gone []int
	for i := range items {
		if ours(&items[i]) {
			gone = append(gone, i)
		} else {
			kept = append(kept, items[i])
		}
	}
	if len(gone) > 0 && len(kept) == 0 {
		s.removePath(path)
		return nil
	}
	for _, i := range slices.Backward(gone) {
		s.removePath(path + "/" + strconv.Itoa(i))
	}
	return kept
}
