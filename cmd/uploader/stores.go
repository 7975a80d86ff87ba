package main

import (
	"errors"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/azure"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/local"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/transport"
)

// connections is how many requests a place of the configured concurrency may stand for: small objects share one.
const connections = 8

// openStore opens the store that the configuration names.
func openStore(c *uploader.Config) (objstore.Store, error) {
	o := transport.Options{CAFile: c.CAFile, Connections: connections * c.Concurrency}
	switch {
	case c.S3 != nil:
		return s3.New(*c.S3, o)
	case c.Azure != nil:
		return azure.New(*c.Azure, o)
	case c.GCS != nil:
		return gcs.New(*c.GCS, o)
	case c.Dir != nil:
		return local.Open(c.Dir.Path, local.Options{})
	}
	return nil, errors.New("no store is configured") // Check has found that before.
}
