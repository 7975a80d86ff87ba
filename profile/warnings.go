package profile

// Warnings returns sentences, which begin with the field, on what the profile leaves to an assumption or what its stores and
// tools are known to stumble over. Pods are injected all the same; a profile's status and each pod's admission tell them.
func (r *Resolved) Warnings() []string {
	var found []string
	for _, find := range warningRules {
		if text := find(r); text != "" {
			found = append(found, text)
		}
	}
	return found
}

// warningRules return a warning each; empty: there is none.
var warningRules = [...]func(*Resolved) string{
	(*Resolved).warnAmazon,
}
