package resolve_test

import (
	"errors"
	"strings"
	"testing"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/webhook/resolve"
)

func TestNamesThatNoObjectCanHave(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a/b", "../x", "..", ".", "A", "a b", "a\nb", "a\x00b", "-a", strings.Repeat("a", 254), "日本", " ", "%2e"} {
		for _, annotation := range resolve.DefaultAnnotations {
			ref, err := resolve.RefFrom(map[string]string{annotation: name}, "namespace payments")
			denied, ok := errors.AsType[*injector.DeniedError](err)
			if !ok || denied.Reason != injector.ReasonInvalidAnnotation || ref != (resolve.Ref{}) {
				t.Errorf("%s: %q: got %v, %v; want InvalidAnnotation", annotation, name, ref, err)
				continue
			}
			text := denied.Error()
			if !strings.Contains(text, "of namespace payments") || !strings.HasSuffix(text, "with dashes and dots between them") ||
				strings.ContainsAny(text, "\n\x00") || len(text) > 1024 {
				t.Errorf("%s: %q: %q", annotation, name, text)
			}
		}
	}
	for _, name := range []string{"a", "pg-backups.v2", strings.Repeat("a", 253)} {
		if _, err := resolve.RefFrom(map[string]string{injector.AnnotationProfile: name}, "the pod"); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
