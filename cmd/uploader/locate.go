package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/azure"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
)

// locate opens the store of a manifest, and gives its key there.
func locate(where, settings string) (objstore.Store, string, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, "", fmt.Errorf("%q is no URL of a manifest: %w", where, err)
	}
	if settings != "" {
		config, err := uploader.ParseConfig(settings)
		if err != nil {
			return nil, "", err
		}
		store, err := openStore(config)
		if err != nil {
			return nil, "", err
		}
		key, err := keyIn(config, store, u, where)
		return store, key, err
	}
	config, key, err := fromEnvironment(u, where, os.Getenv)
	if err != nil {
		return nil, "", err
	}
	config.Concurrency = 1
	store, err := openStore(config)
	return store, key, err
}

// keyIn is the key of a manifest in the store that is configured; a URL of another one is an error.
func keyIn(c *uploader.Config, store objstore.Store, u *url.URL, where string) (string, error) {
	key := strings.TrimPrefix(u.Path, "/")
	if u.Scheme == "" {
		return key, nil
	}
	var bucket string
	switch {
	case c.S3 != nil && u.Scheme == "s3":
		bucket = c.S3.Bucket
	case c.GCS != nil && u.Scheme == "gs":
		bucket = c.GCS.Bucket
	case c.Azure != nil:
		if key, found := strings.CutPrefix(u.Scheme+"://"+u.Host+u.Path, store.(*azure.Store).URL()+"/"); found {
			return key, nil
		}
	case c.Dir != nil && u.Scheme == "file" && strings.HasPrefix(u.Path, c.Dir.Path+"/"):
		return strings.TrimPrefix(u.Path, c.Dir.Path+"/"), nil
	}
	if bucket == "" || bucket != u.Host {
		return "", fmt.Errorf("%s is not in the store of %s: give the URL of one that is, or unset the variable", where, uploader.EnvConfig)
	}
	return key, nil
}

// rootOf is the directory whose store a manifest is in: the manifest says its own key.
func rootOf(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // The user names it.
	if err != nil {
		return "", fmt.Errorf("read the manifest: %w", err)
	}
	defer f.Close() //nolint:errcheck // It is only read.
	m, err := manifest.Decode(f)
	if err != nil {
		return "", err
	}
	root, found := strings.CutSuffix(path, "/"+m.Key)
	if !found {
		return "", fmt.Errorf("%s was moved: it was written as %s, and its files are found from there", path, m.Key)
	}
	return root, nil
}
