package uploader

import (
	"cmp"
	"errors"

	"lighterman.dev/lighterman/internal/partition"
)

// Location is the bucket or container that a Config names, and the identity for it. Its types are S3, Azure and GCS.
type Location interface {
	// StoreName returns the name of the store, which is its field in Config and in the profile's API.
	StoreName() string
	// BucketName returns the name of the bucket or container.
	BucketName() string
	// ServiceURL returns the URL of the store's service; empty where only a secret or the SDK knows it.
	ServiceURL() string
	// Identity returns how the sidecar authenticates.
	Identity() Auth
	// Check returns the problems of the location. Their fields begin with the store's name.
	Check() []Problem
}

// StoreNames returns the names of the stores that a Config can have.
func StoreNames() []string {
	names := make([]string, len(stores))
	for i := range stores {
		names[i] = stores[i].name
	}
	return names
}

// store is a store of a Config.
type store struct {
	name string
	// locationIn returns the store's location in a Config; nil: it has none.
	locationIn func(*Config) Location
	modes      []AuthMode
}

// stores has a row for each store.
var stores = [...]store{
	{"s3", func(c *Config) Location { return valueOrNil(c.S3) }, s3Modes},
	{"azure", func(c *Config) Location { return valueOrNil(c.Azure) }, azureModes},
	{"gcs", func(c *Config) Location { return valueOrNil(c.GCS) }, gcsModes},
}

func valueOrNil[L Location](where *L) Location {
	if where == nil {
		return nil
	}
	return *where
}

// Location returns the location of the one store that is set. None and several are an error.
func (c *Config) Location() (Location, error) {
	set := c.configuredLocations()
	if len(set) != 1 {
		return nil, errors.New(notOneStore(len(set)).String())
	}
	return set[0], nil
}

// configuredLocations returns the locations that are set.
func (c *Config) configuredLocations() []Location {
	var set []Location
	for i := range stores {
		if where := stores[i].locationIn(c); where != nil {
			set = append(set, where)
		}
	}
	return set
}

// S3 is a bucket of Amazon S3 or of a store that speaks its protocol.
type S3 struct {
	// Bucket is the bucket's name, or BucketFromVariable; likewise in Azure and GCS.
	Bucket string `json:"bucket"`
	Region string `json:"region,omitzero"`
	// Endpoint is a URL; empty: Amazon's own.
	Endpoint       string `json:"endpoint,omitzero"`
	ForcePathStyle bool   `json:"forcePathStyle,omitzero"`
	// Checksums is WhenSupported, or WhenRequired for stores that do not know S3's additional checksums. Empty:
	// WhenSupported.
	Checksums string `json:"checksums,omitzero"`
	// MaxParts is the largest number of parts of an upload. Zero: Amazon's.
	MaxParts int  `json:"maxParts,omitzero"`
	Auth     Auth `json:"auth"`
}

// Azure is a container of Azure Blob Storage.
type Azure struct {
	// Account is the storage account's name; empty: it is in the variable AZURE_STORAGE_ACCOUNT, or part of the endpoint or
	// the connection string.
	Account   string `json:"account,omitzero"`
	Container string `json:"container"`
	// Endpoint is the URL of the blob service; empty: the cloud's own.
	Endpoint string `json:"endpoint,omitzero"`
	// Cloud is AzurePublic, AzureUSGovernment, AzureChina or Other. Empty: AzurePublic.
	Cloud string `json:"cloud,omitzero"`
	// Suffix ends the host names of the storage of cloud Other: <account>.blob.<suffix>.
	Suffix string `json:"suffix,omitzero"`
	Auth   Auth   `json:"auth"`
}

// GCS is a bucket of Google Cloud Storage.
type GCS struct {
	Bucket string `json:"bucket"`
	// ProjectID is for billing; empty: the bucket's own.
	ProjectID string `json:"projectID,omitzero"`
	// Endpoint is a URL; empty: Google's own.
	Endpoint string `json:"endpoint,omitzero"`
	Auth     Auth   `json:"auth"`
}

// StoreName returns "s3".
func (S3) StoreName() string { return "s3" }

// StoreName returns "azure".
func (Azure) StoreName() string { return "azure" }

// StoreName returns "gcs".
func (GCS) StoreName() string { return "gcs" }

// BucketName returns the bucket.
func (s S3) BucketName() string { return s.Bucket }

// BucketName returns the container.
func (a Azure) BucketName() string { return a.Container }

// BucketName returns the bucket.
func (g GCS) BucketName() string { return g.Bucket }

// ServiceURL returns the endpoint, else Amazon's of the region.
func (s S3) ServiceURL() string {
	if s.Endpoint == "" && s.Region != "" {
		return partition.S3URL(s.Region)
	}
	return s.Endpoint
}

// ServiceURL returns the endpoint.
func (a Azure) ServiceURL() string { return a.Endpoint }

// ServiceURL returns the endpoint, else Google's.
func (g GCS) ServiceURL() string { return cmp.Or(g.Endpoint, "https://storage.googleapis.com") }

// Identity returns Auth.
func (s S3) Identity() Auth { return s.Auth }

// Identity returns Auth.
func (a Azure) Identity() Auth { return a.Auth }

// Identity returns Auth.
func (g GCS) Identity() Auth { return g.Auth }
