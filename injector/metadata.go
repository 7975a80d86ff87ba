package injector

import (
	"fmt"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

// missingLabels returns the label that the mode needs and the pod lacks. One with another value means that the pod has
// another identity, or was copied from one that ran: a key has one value, so no addition can mend it.
func missingLabels(m *Metadata, d *desired) ([]entry, error) {
	if d.Mode.Label == nil {
		return nil, nil
	}
	key, value := d.Mode.Label(d.Spec)
	switch existing, set := m.Labels[key]; {
	case !set:
		return []entry{{key, value}}, nil
	case existing != value:
		return nil, Deny(ReasonCollision, fmt.Sprintf(
			"metadata.labels[%s]: the pod has %s, and %s %s binds it to %q: remove the label, or use another profile",
			key, message.Quote(existing), d.profile.Kind, d.profile, value))
	}
	return nil, nil
}

// checkConfigAnnotation denies a pod with another configuration file in an annotation.
func checkConfigAnnotation(m *Metadata, d *desired) error {
	for _, key := range profile.ConfigAnnotations {
		existing, set := m.Annotations[key]
		if set && (key != d.configAnnotation || existing != d.configText) {
			return Deny(ReasonCollision, fmt.Sprintf(
				"metadata.annotations[%s]: the pod has this annotation, which Lighterman itself writes: remove it", key))
		}
	}
	return nil
}
