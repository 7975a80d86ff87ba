package directory

import "slices"

// RoleTrust lets a role be assumed by another.
type RoleTrust struct {
	// RoleARN is the role's, Principal that of the one that may assume it.
	RoleARN   string `json:"roleARN"`
	Principal string `json:"principal"`
	// ExternalID is what must be said for it. Empty: nothing.
	ExternalID string `json:"externalID,omitempty"`
}

// MayAssume reports whether a role lets the principal assume it, with this external ID.
func (d *Directory) MayAssume(principal, role, externalID string) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return slices.ContainsFunc(d.all.RoleTrusts, func(t RoleTrust) bool {
		return t.RoleARN == role && t.Principal == principal && (t.ExternalID == "" || t.ExternalID == externalID)
	})
}
