package injector_test

import (
	"reflect"
	"strings"
	"testing"

	"lighterman.dev/lighterman/injector"
)

// TestAnnotationsPage checks that docs/annotations.md describes every field of the annotations that Lighterman writes.
func TestAnnotationsPage(t *testing.T) {
	page := string(read(t, "../docs", "annotations.md"))
	for _, record := range []any{injector.Record{}, injector.Added{}, injector.AddedEnv{}} {
		for field := range reflect.TypeOf(record).Fields() {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if key == "" || !strings.Contains(page, "`"+key+"`") {
				t.Errorf("%T: docs/annotations.md has no `%s` for the field %s", record, key, field.Name)
			}
		}
	}
}
