package jsonsubset

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"lighterman.dev/lighterman/injector"
)

// Lost returns the place at which something of before is not in after: a field, its value, or an item of a list in its
// order. What after has besides does not count; the injected annotation may change, the grace period grow, and a variable
// that says nothing get a value. Empty: nothing was lost. Both are what encoding/json decodes into an any.
func Lost(before, after any) string { return lost(before, after, "") }

func lost(before, after any, where string) string {
	switch b := before.(type) {
	case nil: // An absent list, which "add" may make.
		return ""
	case map[string]any:
		return lostField(b, after, where)
	case []any:
		return lostItem(b, after, where)
	}
	if before != after {
		return where + "?"
	}
	return ""
}

func lostField(before map[string]any, after any, where string) string {
	a, ok := after.(map[string]any)
	if !ok {
		return where
	}
	for key, value := range before {
		if _, kept := a[key]; !kept {
			return where + "/" + key
		}
		if key == injector.AnnotationInjected || key == injector.AnnotationAdded || (key == grace && grew(value, a[key])) ||
			(key == "value" && isEmptyVariable(before, where)) {
			continue
		}
		if inner := lost(value, a[key], where+"/"+key); inner != "" {
			return inner
		}
	}
	return ""
}

// references is a value that holds nothing but references to other variables.
var references = regexp.MustCompile(`^(\$\([^)]*\))*$`)

// isEmptyVariable reports whether a field is an entry of env whose value may be empty.
func isEmptyVariable(field map[string]any, where string) bool {
	value, _ := field["value"].(string)
	return strings.HasSuffix(where, "/env") && field["valueFrom"] == nil && references.MatchString(value)
}

// grace may be raised, for the uploader.
const grace = "terminationGracePeriodSeconds"

func grew(before, after any) bool {
	b, errBefore := strconv.ParseInt(fmt.Sprint(before), 10, 64)
	a, errAfter := strconv.ParseInt(fmt.Sprint(after), 10, 64)
	return errBefore == nil && errAfter == nil && a > b
}

func lostItem(before []any, after any, where string) string {
	a, ok := after.([]any)
	if !ok {
		return where
	}
	next := 0
	for _, item := range before {
		for next < len(a) && lost(item, a[next], where) != "" {
			next++
		}
		if next == len(a) {
			return where
		}
		next++
	}
	return ""
}
