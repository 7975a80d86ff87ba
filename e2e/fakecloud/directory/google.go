package directory

import (
	"slices"
	"strings"
)

// Provider is an OIDC provider of a workload identity pool.
type Provider struct {
	// Name is the full resource name, "//iam.googleapis.com/projects/…/workloadIdentityPools/…/providers/…", or that of a fleet's
	// member, "identitynamespace:POOL:MEMBERSHIP".
	Name   string `json:"name"`
	Issuer string `json:"issuer"`
	// Audiences are those that a token may have. Empty: the name, with or without "https:" in front; for a fleet's member the pool.
	Audiences []string `json:"audiences,omitempty"`
}

// ServiceAccount is a Google service account.
type ServiceAccount struct {
	Email string `json:"email"`
	// KeyID and PublicKey, as PKIX DER, are those of its key, if it has one.
	KeyID     string `json:"keyID,omitempty"`
	PublicKey []byte `json:"publicKey,omitempty"`
	// Users are the principals that may act as it.
	Users []string `json:"users,omitempty"`
}

// BucketRole lets a principal use a bucket: an e-mail address, or "principal://…" for a pod without a Google account.
type BucketRole struct {
	Principal string `json:"principal"`
	// Bucket is empty for all buckets.
	Bucket string `json:"bucket,omitempty"`
	// Role is one of those that package google knows, e.g. "roles/storage.objectAdmin".
	Role string `json:"role"`
}

// Provider finds a provider of a workload identity pool. The last registration of a name counts.
func (d *Directory) Provider(name string) (Provider, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, p := range slices.Backward(d.all.Providers) {
		if p.Name == name {
			if pool, _, isMember := FleetPool(p.Name); isMember {
				p.Audiences = []string{pool}
			}
			if len(p.Audiences) == 0 {
				p.Audiences = []string{p.Name, "https:" + p.Name}
			}
			return p, true
		}
	}
	return Provider{}, false
}

// FleetPool returns the pool and the membership of a provider that is a fleet's member.
func FleetPool(provider string) (pool, membership string, isMember bool) {
	rest, isMember := strings.CutPrefix(provider, "identitynamespace:")
	if !isMember {
		return "", "", false
	}
	return strings.Cut(rest, ":")
}

// MayActAs reports whether the principal may get tokens of the service account.
func (d *Directory) MayActAs(principal, email string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.ContainsFunc(d.all.ServiceAccounts, func(a ServiceAccount) bool {
		return a.Email == email && slices.Contains(a.Users, principal)
	})
}

// Keys are the service account's registrations with a key: with the one of that ID, or with any where id is empty.
func (d *Directory) Keys(email, id string) []ServiceAccount {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var keys []ServiceAccount
	for _, a := range d.all.ServiceAccounts {
		if a.Email == email && a.PublicKey != nil && (id == "" || a.KeyID == id) {
			keys = append(keys, a)
		}
	}
	return keys
}

// BucketRoles are the roles that the principal has for the bucket.
func (d *Directory) BucketRoles(principal, bucket string) []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var roles []string
	for _, r := range d.all.BucketRoles {
		if r.Principal == principal && (r.Bucket == "" || r.Bucket == bucket) {
			roles = append(roles, r.Role)
		}
	}
	return roles
}
