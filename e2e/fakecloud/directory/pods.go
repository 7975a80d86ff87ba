package directory

import "slices"

// ManagedIdentity is an identity that pods get of their node's metadata service.
type ManagedIdentity struct {
	TenantID string `json:"tenantID"`
	ClientID string `json:"clientID"`
	// Namespace is whose pods get it. On a real node all do.
	Namespace string `json:"namespace"`
	// Binding is the value of the label aadpodidbinding that a pod must have. Empty: none is needed.
	Binding string `json:"binding,omitempty"`
}

// PodAssociation is one of EKS Pod Identity: which role the pods of a service account take.
type PodAssociation struct {
	Namespace      string `json:"namespace"`
	ServiceAccount string `json:"serviceAccount"`
	RoleARN        string `json:"roleARN"`
}

// ManagedIdentities are those of a pod with this label.
func (d *Directory) ManagedIdentities(namespace, binding string) []ManagedIdentity {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var found []ManagedIdentity
	for _, m := range d.all.ManagedIdentities {
		if m.Namespace == namespace && (m.Binding == "" || m.Binding == binding) {
			found = append(found, m)
		}
	}
	return found
}

// PodRole is the role that the service account's pods take.
func (d *Directory) PodRole(namespace, account string) (arn string, ok bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	i := slices.IndexFunc(d.all.PodAssociations, func(a PodAssociation) bool {
		return a.Namespace == namespace && a.ServiceAccount == account
	})
	if i < 0 {
		return "", false
	}
	return d.all.PodAssociations[i].RoleARN, true
}
