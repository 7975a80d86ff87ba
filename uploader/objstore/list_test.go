package objstore_test

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader/objstore"
)

func TestCheckListing(t *testing.T) {
	broken := errors.New("the connection is cut")
	for name, test := range map[string]struct {
		stored []string // "" is an error of the store
		limit  int
		want   []string
		err    string
	}{
		"all":                       {[]string{"p/a", "p/b"}, 0, []string{"p/a", "p/b"}, ""},
		"no more than were asked":   {[]string{"p/a", "p/b", "p/c"}, 2, []string{"p/a", "p/b"}, ""},
		"a store without order":     {[]string{"p/b", "p/a", "p/c"}, 0, []string{"p/b"}, `returns "p/a" behind "p/b"`},
		"the same key twice":        {[]string{"p/a", "p/a"}, 0, []string{"p/a"}, "behind"},
		"a store without prefixes":  {[]string{"a", "p/a"}, 0, nil, `below "p/": the store returns "a"`},
		"an error ends the listing": {[]string{"p/a", "", "p/b"}, 0, []string{"p/a"}, "is cut"},
	} {
		t.Run(name, func(t *testing.T) {
			listing := iter.Seq2[objstore.Listed, error](func(yield func(objstore.Listed, error) bool) {
				for _, key := range test.stored {
					var err error
					if key == "" {
						err = broken
					}
					if !yield(objstore.Listed{Key: key}, err) {
						return
					}
				}
			})
			var got []string
			var failed error
			for o, err := range objstore.CheckListing("p/", test.limit, listing) {
				if err != nil {
					failed = err
					continue
				}
				got = append(got, o.Key)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if (failed == nil) != (test.err == "") || (failed != nil && !strings.Contains(failed.Error(), test.err)) {
				t.Errorf("got the error %v, want %q", failed, test.err)
			}
		})
	}
}
