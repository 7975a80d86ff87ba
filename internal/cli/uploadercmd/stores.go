package uploadercmd

import (
	"fmt"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/azure"
	"lighterman.dev/lighterman/uploader/gcs"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/s3"
	"lighterman.dev/lighterman/uploader/transport"
)

// connectionsPerSlot is the number of connections for each unit of the configured concurrency: small objects share one.
const connectionsPerSlot = 8

// openFunc opens the store of a location.
type openFunc func(uploader.Location, transport.Options) (objstore.Store, error)

// openFuncs has a row for each store, by its name.
var openFuncs = map[string]openFunc{
	"s3": openWith(s3.New), "azure": openWith(azure.New), "gcs": openWith(gcs.New),
}

// openWith makes an openFunc of a store's constructor.
func openWith[L uploader.Location, S objstore.Store](open func(L, transport.Options) (S, error)) openFunc {
	return func(where uploader.Location, o transport.Options) (objstore.Store, error) {
		store, err := open(where.(L), o)
		if err != nil {
			return nil, err
		}
		return store, nil
	}
}

// openStore opens the store that the configuration names.
func openStore(c *uploader.Config) (objstore.Store, error) {
	where, err := c.Location()
	if err != nil {
		return nil, err
	}
	open, ok := openFuncs[where.StoreName()]
	if !ok {
		return nil, fmt.Errorf("%s: this program has no such store", where.StoreName())
	}
	store, err := open(where, transport.Options{CAFile: c.CAFile, Connections: connectionsPerSlot * c.Concurrency})
	return store, objstore.AsMisconfigured(err, "")
}
