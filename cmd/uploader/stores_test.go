package main

import (
	"maps"
	"slices"
	"testing"

	"lighterman.dev/lighterman/uploader"
)

func TestEveryStoreCanBeOpened(t *testing.T) {
	if got, want := slices.Sorted(maps.Keys(openFuncs)), slices.Sorted(slices.Values(uploader.StoreNames())); !slices.Equal(got, want) {
		t.Errorf("openFuncs has %v, and a configuration can have %v", got, want)
	}
}

func TestNoStoreIsAnError(t *testing.T) {
	if store, err := openStore(&uploader.Config{}); err == nil {
		t.Errorf("got %v", store)
	}
}
