package profile_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
)

// TestAuthModesOfAPI compares the auth modes of the API with the rows of this package and with those of the uploader.
func TestAuthModesOfAPI(t *testing.T) {
	rows, rowsOfUploader := map[string][]string{}, map[string][]string{}
	for _, mode := range profile.AuthModes() {
		rows[mode.Store] = append(rows[mode.Store], mode.Name)
	}
	for _, store := range uploader.StoreNames() {
		for _, mode := range uploader.AuthModes(store) {
			rowsOfUploader[store] = append(rowsOfUploader[store], mode.Name)
		}
	}
	spec := reflect.TypeFor[v1alpha1.CredentialProfileSpec]()
	for i := range spec.NumField() {
		if spec.Field(i).Type.Kind() != reflect.Pointer || spec.Field(i).Type.Elem().Kind() != reflect.Struct {
			continue
		}
		auth, isStore := spec.Field(i).Type.Elem().FieldByName("Auth")
		if !isStore {
			continue
		}
		store := jsonName(spec.Field(i))
		for j := range auth.Type.NumField() {
			mode := jsonName(auth.Type.Field(j))
			if !slices.Contains(rows[store], mode) {
				t.Errorf("spec.%s.auth.%s is in the API without a row in the modes of package profile", store, mode)
			}
			if !slices.Contains(rowsOfUploader[store], mode) {
				t.Errorf("spec.%s.auth.%s is in the API without a row in the modes of uploader/auth.go", store, mode)
			}
			rows[store], rowsOfUploader[store] = without(rows[store], mode), without(rowsOfUploader[store], mode)
		}
		delete(rows, store)
		if left := rowsOfUploader[store]; len(left) > 0 {
			t.Errorf("uploader/auth.go has the modes %v of %s, which the API has not", left, store)
		}
		delete(rowsOfUploader, store)
	}
	if len(rows) > 0 || len(rowsOfUploader) > 0 {
		t.Errorf("the API has no stores for the modes %v, %v", rows, rowsOfUploader)
	}
}

func without(names []string, name string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return n == name })
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// TestUploaderUsesEveryAuthMode gives the profile of each mode's page an uploader.
func TestUploaderUsesEveryAuthMode(t *testing.T) {
	for _, mode := range profile.AuthModes() {
		t.Run(mode.Store+"/"+mode.Name, func(t *testing.T) {
			page := readPage(t, filepath.Join("..", "docs", "stores", pageName(mode.Store, mode.Name)))
			parsed, err := profile.Parse(yamlBlock.FindSubmatch(page)[1])
			if err != nil {
				t.Fatal(err)
			}
			parsed.Spec.Uploader = &v1alpha1.Uploader{Path: "/backup"}
			if problems := profile.Check(parsed.Spec, profile.Cluster{ClusterTrustBundles: true}); len(problems) > 0 {
				t.Errorf("the row of the mode in package profile does not give the uploader what its row in uploader/auth.go requires: %v", problems)
			}
			r := profile.Resolve(parsed.Spec)
			e, _ := r.Render(profile.Use{Files: profile.Files{Token: "/token", Credentials: "/credentials"}}, profile.Cluster{})
			secrets := uploader.SecretVariables(mode.Store, mode.Name)
			injected := slices.ContainsFunc(e.Vars, func(v profile.Variable) bool {
				return slices.Contains(secrets, v.Name) && v.ValueFrom != nil
			})
			if len(secrets) > 0 && !injected && e.Mode.File == nil {
				t.Errorf("the row of the mode in package profile injects none of the secrets %v, which uploader/auth.go has", secrets)
			}
		})
	}
}
