package injector

import (
	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

// warnReplaced warns that what an earlier pass of another plan wrote is replaced.
func (p *planner) warnReplaced() {
	if len(p.former.ops) > 0 {
		p.warn("the pod was injected before, with %s %s: what Lighterman wrote then is replaced by what %s %s says now",
			message.Value(p.former.record.Kind), message.Value(p.former.record.Profile), p.profile.Kind, p.profile)
	}
}

// warnTokenService warns of a private bundle that also has to vouch for a public token service.
func (p *planner) warnTokenService() {
	if p.Mode.TokenService == nil || !p.replacesCA() {
		return
	}
	if name, cure := p.Mode.TokenService(p.Spec); name != "" {
		p.warn("spec.caBundle of %s %s also replaces the roots by which %s is checked: %s", p.profile.Kind, p.profile, name,
			cure)
	}
}

// warnHostNetwork warns where the metadata server knows the node, and not the pod.
func (p *planner) warnHostNetwork() {
	if p.Mode.IsPodScoped && p.pod.Spec.HostNetwork {
		p.warn("the pod has hostNetwork: true, and there GKE's metadata server gives the identity of the node: use workloadIdentityFederation in %s %s, or leave hostNetwork out",
			p.profile.Kind, p.profile)
	}
}

// warnServiceAccount warns of annotations that the pod's service account needs, and that Lighterman cannot see.
func (p *planner) warnServiceAccount() {
	want, write := p.ServiceAccountAnnotations()
	if p.settings.NoServiceAccountAnnotations && !write && len(want) > 0 {
		p.warn("Lighterman cannot see service accounts here: the pod has no identity unless this was run: %s",
			profile.AnnotateCommand(namespaceOf(p.pod, p.profile), p.pod.ServiceAccount(), want))
	}
}
