package injector

import "fmt"

// checkLabel decides which label the pod is given. One that is there with another value says that the pod is somebody
// else: a label has one value, so this cannot be mended by an addition.
func (p *plan) checkLabel() error {
	if p.mode.label == nil {
		return nil
	}
	key, value := p.mode.label(p.spec)
	switch there, set := p.pod.Metadata.Labels[key]; {
	case !set:
		p.label = map[string]string{key: value}
	case there != value:
		return Deny(ReasonCollision, fmt.Sprintf(
			"metadata.labels[%s]: the pod has %q, and %s %s binds it to %q: remove the label, or use another profile",
			key, there, p.profile.Kind, p.profile, value))
	}
	return nil
}
