package injector

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
)

// injectedInto reports whether the webhook has given the container its token.
func injectedInto(w *profile.CloudWebhook, t *target) bool {
	return slices.ContainsFunc(t.Env, func(e corev1.EnvVar) bool {
		return e.Name == w.TokenVariable && within(cleanPath(e.Value), w.TokenDirectory)
	})
}

// others gives the other webhooks that came to the container.
func (p *plan) others(t *target) []*profile.CloudWebhook {
	var came []*profile.CloudWebhook
	for i := range p.Store.CloudWebhooks {
		if w := &p.Store.CloudWebhooks[i]; injectedInto(w, t) {
			came = append(came, w)
		}
	}
	return came
}

// meet decides between the profile's identity and the one that another webhook gave the container; the groups are those
// that the container keeps for it. Nothing of the other's can be taken away, so the profile's identity is injected where
// it is whole beside the other, and programs take it first; else all of it stays out, for half an identity is none.
func (p *plan) meet(t *target, w *profile.CloudWebhook) (profile.Group, error) {
	whole, same := p.fits(t, w), p.Mode.Rank == w.Rank
	known := p.own.presence(w.IdentityVariable).possible() && !slices.ContainsFunc(t.Env, func(e corev1.EnvVar) bool { return e.Name == w.IdentityVariable && p.means(&e) })
	switch {
	case whole && (same || !known):
		return 0, nil
	case !p.own.presence(w.IdentityVariable).possible():
		return 0, p.denyHalfOf(t, w, w.IdentityVariable)
	case whole && p.Mode.Rank < w.Rank:
		p.warn("container %q has two identities, of which programs take that of %s %s: %s gave it the other (%s); remove %s if that is not needed",
			t.Name, p.profile.Kind, p.profile, w.Name, w.IdentityVariable, w.Source)
		return 0, nil
	case !p.Store.BlocksNodeIdentity && p.uncertain(w) != "":
		return 0, p.denyHalfOf(t, w, p.uncertain(w))
	}
	p.warn("container %q keeps the identity that %s gave it (%s), and does not get that of %s %s: remove %s, or list the container in the pod's annotation %s",
		t.Name, w.Name, w.IdentityVariable, p.profile.Kind, p.profile, w.Source, w.SkipAnnotation)
	return p.Store.IdentityGroup | profile.GroupEntra, nil
}

// uncertain is a variable of the other webhook's identity that may have no value: the container sets it by an optional reference, so
// the webhook left it alone. Empty: there is none.
func (p *plan) uncertain(w *profile.CloudWebhook) string {
	for _, name := range append([]string{w.IdentityVariable}, w.OtherVariables...) {
		if !p.own.presence(name).certain() {
			return name
		}
	}
	return ""
}

// denyHalfOf denies the pod that another webhook gave a token for nobody, which does not go with the profile's identity.
func (p *plan) denyHalfOf(t *target, w *profile.CloudWebhook, lacking string) error {
	return Deny(ReasonIncompleteIdentity, fmt.Sprintf(
		"spec.%s[%d].env: container %q has the token of %s without %s for certain, and the rest of what that webhook set does not go with %s of %s %s: remove %s, or list the container in the pod's annotation %s",
		t.list, t.index, t.Name, w.Name, lacking, p.Store.IdentityGroup, p.profile.Kind, p.profile, w.Source, w.SkipAnnotation))
}

// fits reports whether the profile's identity is whole beside what the other webhook set: where both use a variable, both
// mean the same. The path of the token may be either, as long as the token is for the same audience.
func (p *plan) fits(t *target, w *profile.CloudWebhook) bool {
	token := p.Mode.Audience != nil && p.Mode.Rank == w.Rank && p.Mode.Audience(p.Spec) == w.Audience
	for i := range t.Env {
		env := &t.Env[i]
		if !w.Sets(env.Name) || (env.Name == w.TokenVariable && token) {
			continue
		}
		if _, injected := p.index[env.Name]; injected && !p.means(env) {
			return false
		}
	}
	return true
}

// means reports whether a container's variable is the one that the profile injects.
func (p *plan) means(env *corev1.EnvVar) bool {
	at, injected := p.index[env.Name]
	return injected && p.Vars[at].Equals(env)
}

// keepOthersOut tells the webhooks whose identity programs would take before the profile's to leave the containers alone,
// in those webhooks' own words. An annotation that is there is the user's.
func (p *plan) keepOthersOut(targets []target) {
	for i := range p.Store.CloudWebhooks {
		w := &p.Store.CloudWebhooks[i]
		_, set := p.pod.Metadata.Annotations[w.SkipAnnotation]
		if set || p.Mode.KeepsAmbientIdentity || p.Mode.Rank <= w.Rank || (w.Label != "" && p.pod.Metadata.Labels[w.Label] != "true") {
			continue
		}
		var names []string
		for i := range targets {
			if t := &targets[i]; t.proven && !injectedInto(w, t) {
				names = append(names, t.Name)
			}
		}
		if len(names) > 0 {
			p.keep = append(p.keep, entry{w.SkipAnnotation, strings.Join(names, w.Separator)})
		}
	}
}
