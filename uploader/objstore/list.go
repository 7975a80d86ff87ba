package objstore

import (
	"fmt"
	"iter"
	"strings"
	"time"
)

// Listed is an object as a listing describes it.
type Listed struct {
	Key  string
	Size int64
	// Modified is when the store wrote the object, by the store's clock.
	Modified time.Time
}

// CheckListing checks a listing of objects below a prefix: it ends after limit objects (zero: with the last one), and with
// an error where the store returns a key of another prefix or out of order. A store that ignores the prefix would
// otherwise pass its other objects off as those that were asked for.
func CheckListing(prefix string, limit int, listing iter.Seq2[Listed, error]) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		last, n := "", 0
		for o, err := range listing {
			if err == nil && (!strings.HasPrefix(o.Key, prefix) || (n > 0 && o.Key <= last)) {
				err = fmt.Errorf("list the objects below %q: the store returns %q behind %q", prefix, o.Key, last)
				o, err = Listed{}, &Error{
					Class: Unknown, Err: err, Cure: "use a store that lists the keys of a prefix in ascending order",
				}
			}
			if !yield(o, err) || err != nil {
				return
			}
			last, n = o.Key, n+1
			if n == limit {
				return
			}
		}
	}
}
