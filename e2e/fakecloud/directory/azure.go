package directory

import "slices"

// Application is an app registration or a managed identity of Entra ID. A second one with the same IDs adds to the first.
type Application struct {
	TenantID string `json:"tenantID"`
	ClientID string `json:"clientID"`
	// Federated are the tokens that it may prove itself with.
	Federated []FederatedCredential `json:"federated,omitempty"`
	// Secrets are its client secrets.
	Secrets []string `json:"secrets,omitempty"`
	// Certificates are those that it signs with, as DER.
	Certificates [][]byte `json:"certificates,omitempty"`
}

// FederatedCredential trusts a token that has all three exactly.
type FederatedCredential struct {
	Issuer   string `json:"issuer"`
	Subject  string `json:"subject"`
	Audience string `json:"audience"`
}

// BlobRole lets an application use the blobs of a storage account, or of one container in it.
type BlobRole struct {
	ClientID string `json:"clientID"`
	Account  string `json:"account"`
	// Container is empty for the whole account.
	Container string `json:"container,omitempty"`
	// ReadOnly is Storage Blob Data Reader; otherwise it is Storage Blob Data Contributor.
	ReadOnly bool `json:"readOnly,omitempty"`
}

// IdentityBinding is one of AKS: a managed identity that a subject of the cluster, "system:serviceaccount:NAMESPACE:NAME", may use
// through the cluster's token proxy. There the right is the verb use-managed-identity of the cluster's RBAC.
type IdentityBinding struct {
	TenantID string `json:"tenantID"`
	ClientID string `json:"clientID"`
	Subject  string `json:"subject"`
}

// MayUseBinding reports whether the subject may use the managed identity through the token proxy.
func (d *Directory) MayUseBinding(tenant, client, subject string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.Contains(d.all.IdentityBindings, IdentityBinding{TenantID: tenant, ClientID: client, Subject: subject})
}

// Tenant reports whether any application is of the tenant.
func (d *Directory) Tenant(id string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.ContainsFunc(d.all.Applications, func(a Application) bool { return a.TenantID == id })
}

// Application finds an application, with all that was registered for it.
func (d *Directory) Application(tenant, client string) (Application, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	found, ok := Application{TenantID: tenant, ClientID: client}, false
	for _, a := range d.all.Applications {
		if a.TenantID != tenant || a.ClientID != client {
			continue
		}
		ok = true
		found.Federated = append(found.Federated, a.Federated...)
		found.Secrets = append(found.Secrets, a.Secrets...)
		found.Certificates = append(found.Certificates, a.Certificates...)
	}
	return found, ok
}

// MayUseBlobs reports whether the application has a role for the container. No container means the account as a whole.
func (d *Directory) MayUseBlobs(client, account, container string, write bool) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.ContainsFunc(d.all.BlobRoles, func(r BlobRole) bool {
		return r.ClientID == client && r.Account == account && (r.Container == "" || r.Container == container) && (!write || !r.ReadOnly)
	})
}
