package profile

import "fmt"

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

// Notes returns sentences on what the preset adds to the profile, for its status.
func (r *Resolved) Notes() []string {
	if s3 := r.Spec.S3; s3 == nil || r.preset == nil || s3.Region != "" || r.preset.region == "" || r.warnRegion() != "" {
		return nil
	}
	return []string{fmt.Sprintf("Requests are signed for region %s, the default of preset %s.", r.location.region, r.preset.name)}
}

// warningRules return a warning each; empty: there is none.
var warningRules = [...]func(*Resolved) string{
	(*Resolved).warnAmazon,
	(*Resolved).warnProxy,
	(*Resolved).warnPreset,
	(*Resolved).warnBucketInHost,
	(*Resolved).warnNewRegion,
	(*Resolved).warnRegion,
	(*Resolved).warnInstanceDiscovery,
	(*Resolved).warnShortChain,
}
