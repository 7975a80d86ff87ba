package injector

import (
	"cmp"

	"lighterman.dev/lighterman/profile"
)

// warnUnseen tells of annotations that the pod needs, and that Lighterman cannot see.
func (p *plan) warnUnseen() {
	want, write := p.ServiceAccountAnnotations()
	if p.settings.NoServiceAccountAnnotations && !write && len(want) > 0 {
		p.warn("Lighterman cannot see service accounts here: the pod has no identity unless this was run: %s",
			profile.AnnotateCommand(namespaceOf(p.pod, p.profile), p.pod.ServiceAccount(), want))
	}
}

// namespaceOf gives the pod's namespace, as far as it is known.
func namespaceOf(pod *Pod, profile *profile.Profile) string {
	return cmp.Or(pod.Metadata.Namespace, profile.Namespace)
}
