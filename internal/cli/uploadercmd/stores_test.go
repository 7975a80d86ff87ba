package uploadercmd

import (
	"encoding/json/v2"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"lighterman.dev/lighterman/uploader"
)

func TestEveryStoreCanBeOpened(t *testing.T) {
	if got, want := slices.Sorted(maps.Keys(openFuncs)), slices.Sorted(slices.Values(uploader.StoreNames())); !slices.Equal(got, want) {
		t.Errorf("openFuncs has %v, and a configuration can have %v", got, want)
	}
}

// TestEveryAuthModeCanBeOpened opens each store in each mode. What a mode misses here, like a file, is another error.
func TestEveryAuthModeCanBeOpened(t *testing.T) {
	for _, store := range uploader.StoreNames() {
		for _, mode := range append(uploader.AuthModes(store), uploader.AuthMode{Name: "none"}) {
			var c uploader.Config
			if err := json.Unmarshal([]byte(`{"`+store+`":{"auth":{"mode":"`+mode.Name+`"}}}`), &c); err != nil {
				t.Fatal(err)
			}
			_, err := openStore(&c)
			refused := err != nil && strings.Contains(err.Error(), "is not an auth mode")
			if refused != (mode.Name == "none") {
				t.Errorf("%s.auth, mode %s: got %v", store, mode.Name, err)
			}
		}
	}
}

// TestEveryStoreIsReachedByURL finds the stores that "uploader verify" reaches by the URL of a manifest.
func TestEveryStoreIsReachedByURL(t *testing.T) {
	var got []string
	for scheme, reach := range configFuncs {
		c, _ := reach(&url.URL{Scheme: scheme, Host: "host", Path: "/container/key"}, func(string) string { return "" })
		where, err := c.Location()
		if err != nil {
			t.Fatalf("%s: %v", scheme, err)
		}
		got = append(got, where.StoreName())
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(uploader.StoreNames())); !slices.Equal(got, want) {
		t.Errorf("configFuncs in environment.go has the stores %v, and a configuration can have %v", got, want)
	}
}

func TestNoStoreIsAnError(t *testing.T) {
	if store, err := openStore(&uploader.Config{}); err == nil {
		t.Errorf("got %v", store)
	}
}
