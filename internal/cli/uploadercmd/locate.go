package uploadercmd

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
)

// openManifestStore opens the store of a manifest, and returns the manifest's key in it.
func openManifestStore(where, settings string) (objstore.Store, string, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, "", fmt.Errorf("%q is no URL of a manifest: %w", where, err)
	}
	if settings != "" {
		config, err := parseConfig(settings)
		if err != nil {
			return nil, "", err
		}
		store, err := openStore(config)
		if err != nil {
			return nil, "", err
		}
		key, err := keyInStore(store, u, where)
		return store, key, err
	}
	config, key, err := configFromEnvironment(u, where, os.Getenv)
	if err != nil {
		return nil, "", err
	}
	config.Concurrency = 1
	store, err := openStore(config)
	return store, key, err
}

// keyInStore returns the key of a manifest in the store that is configured. A URL of another store is an error.
func keyInStore(store objstore.Store, u *url.URL, where string) (string, error) {
	if u.Scheme == "" {
		return strings.TrimPrefix(u.Path, "/"), nil
	}
	key, found := strings.CutPrefix(u.Scheme+"://"+u.Host+u.Path, store.URL()+"/")
	if !found {
		return "", fmt.Errorf("%s is not in the store of %s: give the URL of one that is, or unset the variable", where,
			uploader.EnvConfig)
	}
	return key, nil
}
