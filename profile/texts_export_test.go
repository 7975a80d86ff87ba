package profile

import (
	"fmt"
	"reflect"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// APIAudience and RefusedPattern are for the test that compares them with the CRDs.
const APIAudience = apiAudience

// RefusedPattern returns one expression for all names that spec.env must not have.
func RefusedPattern() string { return refusedPattern() }

// SpecsWithText returns, by the text's field, a spec for each text that the API's own types have, which is set to text.
func SpecsWithText(text string) map[string]*v1alpha1.CredentialProfileSpec {
	specs := map[string]*v1alpha1.CredentialProfileSpec{}
	root := func(root reflect.Value) reflect.Value { return root }
	walkTexts(reflect.TypeFor[v1alpha1.CredentialProfileSpec](), "spec", root, func(field string, set func(reflect.Value, string)) {
		spec := &v1alpha1.CredentialProfileSpec{}
		set(reflect.ValueOf(spec).Elem(), text)
		specs[field] = spec
	})
	return specs
}

// walkTexts calls found for each text below a type, with a function that sets it in a value of the root's type.
func walkTexts(of reflect.Type, field string, reach func(reflect.Value) reflect.Value, found func(string, func(reflect.Value, string))) {
	switch of.Kind() { //nolint:exhaustive // The other kinds hold no text.
	case reflect.String:
		found(field, func(root reflect.Value, text string) { reach(root).SetString(text) })
	case reflect.Pointer:
		walkTexts(of.Elem(), field, func(root reflect.Value) reflect.Value {
			pointer := reach(root)
			if pointer.IsNil() {
				pointer.Set(reflect.New(of.Elem()))
			}
			return pointer.Elem()
		}, found)
	case reflect.Struct:
		if of.PkgPath() != ownTypes {
			return
		}
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			walkTexts(of.Field(i).Type, field+"."+name, func(root reflect.Value) reflect.Value { return reach(root).Field(i) }, found)
		}
	case reflect.Slice:
		if of == reflect.TypeFor[[]v1alpha1.EnvVar]() {
			return
		}
		walkTexts(of.Elem(), field+"[0]", func(root reflect.Value) reflect.Value {
			slice := reach(root)
			slice.Set(reflect.MakeSlice(of, 1, 1))
			return slice.Index(0)
		}, found)
	case reflect.Map:
		if of != reflect.TypeFor[map[string]string]() {
			panic(fmt.Sprintf("%s: a map of another kind", field))
		}
		found(field, func(root reflect.Value, text string) { reach(root).Set(reflect.ValueOf(map[string]string{"k": text})) })
	}
}

// RefusedVariables returns the lines that docs/security.md has on the names that spec.env must not have.
func RefusedVariables() []string {
	lines := make([]string, len(refusedVariables))
	for i, r := range refusedVariables {
		lines[i] = "it " + r.effect + ": `" + strings.Join(r.names, "`, `") + "`"
	}
	return lines
}
