package injector

import (
	"fmt"

	"lighterman.dev/lighterman/internal/message"
)

// checkMetadata decides which label and annotation the pod is given. One that is there with another value says that the
// pod is somebody else, or was copied from one that ran: a key has one value, so no addition can mend it.
func (p *plan) checkMetadata() error {
	if p.Mode.Label != nil {
		key, value := p.Mode.Label(p.Spec)
		switch there, set := p.pod.Metadata.Labels[key]; {
		case !set:
			p.label = []entry{{key, value}}
		case there != value:
			return Deny(ReasonCollision, fmt.Sprintf(
				"metadata.labels[%s]: the pod has %s, and %s %s binds it to %q: remove the label, or use another profile",
				key, message.Quote(there), p.profile.Kind, p.profile, value))
		}
	}
	there, set := p.pod.Metadata.Annotations[AnnotationGCPCredentials]
	if set && (there != p.document || p.document == "") {
		return Deny(ReasonCollision, fmt.Sprintf(
			"metadata.annotations[%s]: the pod has this annotation, which Lighterman itself writes: remove it",
			AnnotationGCPCredentials))
	}
	return nil
}

// checkHostNetwork warns where the metadata server knows the node, and not the pod.
func (p *plan) checkHostNetwork() {
	if p.Mode.IsPodScoped && p.pod.Spec.HostNetwork {
		p.warn("the pod has hostNetwork: true, and there GKE's metadata server gives the identity of the node: use workloadIdentityFederation in %s %s, or leave hostNetwork out",
			p.profile.Kind, p.profile)
	}
}
