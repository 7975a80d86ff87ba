package profile_test

import (
	"bytes"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

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
	for field := range spec.Fields() {
		if field.Type.Kind() != reflect.Pointer || field.Type.Elem().Kind() != reflect.Struct {
			continue
		}
		auth, isStore := field.Type.Elem().FieldByName("Auth")
		if !isStore {
			continue
		}
		store := jsonName(field)
		rules := unionRules(t, store)
		for f := range auth.Type.Fields() {
			mode := jsonName(f)
			if !slices.Contains(rows[store], mode) {
				t.Errorf("spec.%s.auth.%s is in the API without a row in the modes of package profile", store, mode)
			}
			if !slices.ContainsFunc(rules, func(rule string) bool { return strings.Contains(rule, "(has(self."+mode+")?1:0)") }) {
				t.Errorf("spec.%s.auth.%s is not in the ExactlyOneOf marker of its type, or make generate did not run", store, mode)
			}
			for _, page := range []string{"README.md", "docs/profile.md"} {
				if !bytes.Contains(readPage(t, filepath.Join("..", page)), []byte("`"+mode+"`")) {
					t.Errorf("%s does not document spec.%s.auth.%s", page, store, mode)
				}
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

// schema is what this test reads of a CRD's schema.
type schema struct {
	Properties  map[string]schema `json:"properties"`
	Validations []struct {
		Rule string `json:"rule"`
	} `json:"x-kubernetes-validations"`
}

// unionRules returns the rules of the CRD on the auth modes of a store.
func unionRules(t *testing.T, store string) []string {
	t.Helper()
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					Root schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(readPage(t, "../charts/lighterman/files/crds/lighterman.dev_credentialprofiles.yaml"), &crd); err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, v := range crd.Spec.Versions[0].Schema.Root.Properties["spec"].Properties[store].Properties["auth"].Validations {
		rules = append(rules, v.Rule)
	}
	return rules
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
				t.Errorf(
					"the row of the mode in package profile does not give the uploader what its row in uploader/auth.go requires: %v",
					problems,
				)
			}
			r := profile.Resolve(parsed.Spec)
			e, _ := r.Render(profile.Use{Files: profile.Files{Token: "/token", Credentials: "/credentials"}}, profile.Cluster{})
			secrets := uploader.SecretVariables(mode.Store, mode.Name)
			injected := 0
			for _, v := range e.Vars {
				if v.ValueFrom == nil || v.Groups&e.Store.IdentityGroup == 0 {
					continue
				}
				injected++
				if !slices.Contains(secrets, v.Name) {
					t.Errorf(
						"the row of the mode in package profile injects the secret %s, and its row in uploader/auth.go has only %v",
						v.Name, secrets,
					)
				}
			}
			if len(secrets) > 0 && injected == 0 && e.Mode.File == nil {
				t.Errorf(
					"the row of the mode in package profile injects none of the secrets %v, which uploader/auth.go has", secrets,
				)
			}
		})
	}
}
