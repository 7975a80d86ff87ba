package textdiff

import "testing"

func TestUnified(t *testing.T) {
	for name, test := range map[string]struct{ before, after, want string }{
		"equal":       {"a\n", "a\n", ""},
		"a line more": {"a\nb\n", "a\nx\nb\n", "--- old\n+++ new\n@@ -1,2 +1,3 @@\n a\n+x\n b\n"},
		"no last end": {"a", "b", "--- old\n+++ new\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Unified("old", test.before, "new", test.after); got != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
		})
	}
}
