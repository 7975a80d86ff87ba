package directory

import "sync"

// Entries are what is registered, or what is to be added.
type Entries struct {
	Applications []Application `json:"applications,omitempty"`
	BlobRoles    []BlobRole    `json:"blobRoles,omitempty"`

	IdentityBindings []IdentityBinding `json:"identityBindings,omitempty"`

	Providers       []Provider       `json:"providers,omitempty"`
	ServiceAccounts []ServiceAccount `json:"serviceAccounts,omitempty"`
	BucketRoles     []BucketRole     `json:"bucketRoles,omitempty"`

	ManagedIdentities []ManagedIdentity `json:"managedIdentities,omitempty"`
	PodAssociations   []PodAssociation  `json:"podAssociations,omitempty"`
	RoleTrusts        []RoleTrust       `json:"roleTrusts,omitempty"`
}

// Directory holds the entries. The zero value is empty and ready.
type Directory struct {
	mu  sync.RWMutex
	all Entries
}

// Add registers the entries beside those that are there.
func (d *Directory) Add(e Entries) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all.Applications = append(d.all.Applications, e.Applications...)
	d.all.BlobRoles = append(d.all.BlobRoles, e.BlobRoles...)
	d.all.IdentityBindings = append(d.all.IdentityBindings, e.IdentityBindings...)
	d.all.Providers = append(d.all.Providers, e.Providers...)
	d.all.ServiceAccounts = append(d.all.ServiceAccounts, e.ServiceAccounts...)
	d.all.BucketRoles = append(d.all.BucketRoles, e.BucketRoles...)
	d.all.ManagedIdentities = append(d.all.ManagedIdentities, e.ManagedIdentities...)
	d.all.PodAssociations = append(d.all.PodAssociations, e.PodAssociations...)
	d.all.RoleTrusts = append(d.all.RoleTrusts, e.RoleTrusts...)
}
