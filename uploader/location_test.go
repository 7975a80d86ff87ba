package uploader_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
)

// TestEveryStoreIsALocation sets each store of a Config alone. It fails for a store without a row in the table of stores.
func TestEveryStoreIsALocation(t *testing.T) {
	var names []string
	fields := reflect.TypeFor[uploader.Config]()
	for f := range fields.Fields() {
		if f.Type.Kind() != reflect.Pointer || f.Type.Elem().Kind() != reflect.Struct {
			continue
		}
		if _, isStore := f.Type.Elem().FieldByName("Auth"); !isStore && !f.Type.Implements(reflect.TypeFor[uploader.Location]()) {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
		var c uploader.Config
		reflect.ValueOf(&c).Elem().FieldByIndex(f.Index).Set(reflect.New(f.Type.Elem()))
		where, err := c.Location()
		if err != nil {
			t.Errorf("Config.%s has no row in the table of stores in uploader/location.go: %v", f.Name, err)
			continue
		}
		if where.StoreName() != name {
			t.Errorf("Config.%s is %q in JSON, and its StoreName is %q", f.Name, name, where.StoreName())
		}
		if len(uploader.AuthModes(name)) == 0 {
			t.Errorf("%s has no auth modes in the table of stores in uploader/location.go", name)
		}
	}
	if !slices.Equal(names, uploader.StoreNames()) || len(names) == 0 {
		t.Errorf("Config has the stores %v, and StoreNames returns %v", names, uploader.StoreNames())
	}
}

// TestEveryStoreHasAPackage looks for the package of each store, for its exception from the lint rule that keeps SDKs out of the
// others, for the contract's test against a real server, and for the store among those that pods upload to.
func TestEveryStoreHasAPackage(t *testing.T) {
	for _, store := range uploader.StoreNames() {
		for file, want := range map[string]string{
			store + "/doc.go":                     "package " + store + "\n",
			"../.golangci.yml":                    `"!**/uploader/` + store + `/*.go"`,
			"../e2e/upload/" + store + "_test.go": "storetest.Run(",
			"../e2e/upload/backend_test.go":       "uploader.Config{" + fieldOf(t, store) + ": ",
		} {
			text, err := os.ReadFile(file)
			if err != nil || !strings.Contains(string(text), want) {
				t.Errorf("store %s: uploader/%s has no %s: %v", store, file, want, err)
			}
		}
	}
}

// fieldOf returns the name of a store's field in Config.
func fieldOf(t *testing.T, store string) string {
	t.Helper()
	fields := reflect.TypeFor[uploader.Config]()
	for f := range fields.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == store {
			return f.Name
		}
	}
	t.Fatalf("Config has no store %s", store)
	return ""
}

func TestLocationOfNoStore(t *testing.T) {
	for want, c := range map[string]uploader.Config{
		": 0 of them are set: write exactly one": {},
		": 2 of them are set: write exactly one": {S3: &uploader.S3{}, GCS: &uploader.GCS{}},
	} {
		want = strings.Join(uploader.StoreNames(), ", ") + want
		if where, err := c.Location(); err == nil || err.Error() != want {
			t.Errorf("got %v, %v, want %s", where, err, want)
		}
	}
}

// TestAuthModesNameFields looks up the fields that the table of auth modes names.
func TestAuthModesNameFields(t *testing.T) {
	var known []string
	fields := reflect.TypeFor[uploader.Auth]()
	for f := range fields.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		known = append(known, name)
	}
	for _, store := range uploader.StoreNames() {
		for _, mode := range uploader.AuthModes(store) {
			for _, name := range slices.Concat(mode.Required, mode.Optional) {
				if !slices.Contains(known, name) || name == "mode" {
					t.Errorf("%s.auth, mode %s: Auth has no field %s", store, mode.Name, name)
				}
			}
			if takes := slices.Contains(mode.Optional, "secretsDirectory"); takes != (len(mode.Secrets) > 0) {
				t.Errorf("%s.auth, mode %s: it takes secretsDirectory where it has Secrets, and only there", store, mode.Name)
			}
		}
	}
}

// TestAuthIsCheckedWhole sets each field of Auth in a mode that takes none.
func TestAuthIsCheckedWhole(t *testing.T) {
	fields := reflect.TypeFor[uploader.Auth]()
	for f := range fields.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "mode" || f.Type.Kind() == reflect.Map { // The latter is for people.
			continue
		}
		where := uploader.GCS{Bucket: "b", Auth: uploader.Auth{Mode: "ambient"}}
		reflect.ValueOf(&where.Auth).Elem().FieldByIndex(f.Index).SetString("/x")
		want := uploader.Problem{Field: "gcs.auth." + name, Message: "is set: mode ambient does not use it; remove it"}
		if problems := where.Check(); !slices.Contains(problems, want) {
			t.Errorf("%s is not checked: got %v", name, problems)
		}
	}
}
