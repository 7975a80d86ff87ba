package injector

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
)

// injectedInto reports whether the webhook has given the container its token.
func injectedInto(w *profile.CloudWebhook, c *Container) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
		return e.Name == w.TokenVariable && isWithin(cleanPath(e.Value), w.TokenDirectory)
	})
}

// cloudWebhooks returns the webhooks of cloud providers that gave the container an identity.
func (s scope) cloudWebhooks() []*profile.CloudWebhook {
	var came []*profile.CloudWebhook
	for i := range s.Store.CloudWebhooks {
		if w := &s.Store.CloudWebhooks[i]; injectedInto(w, s.Container) {
			came = append(came, w)
		}
	}
	return came
}

// webhookConflict is between the profile's identity and the one that another webhook gave the container.
type webhookConflict struct {
	scope
	webhook *profile.CloudWebhook
}

// resolveConflict returns the groups that the container keeps for the other webhook's identity. Nothing of the other's
// can be taken away, so the profile's identity is injected where it is whole beside the other, and programs take it
// first; else all of it stays out, for half an identity is none.
func (c webhookConflict) resolveConflict() (profile.Group, error) {
	w := c.webhook
	whole, same := c.isCompatible(), c.Rank() == w.Rank
	hasOther := c.own.presenceOf(w.IdentityVariable).isPossible()
	isForeign := hasOther && !slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
		return e.Name == w.IdentityVariable && c.equalsInjected(&e)
	})
	switch {
	case whole && (same || !isForeign):
		return 0, nil
	case !hasOther:
		return 0, c.denyIncomplete(w.IdentityVariable)
	case whole && c.Rank() < w.Rank:
		c.warn("container %q has two identities, of which programs take that of %s %s: %s gave it the other (%s); remove %s if that is not needed",
			c.Name, c.profile.Kind, c.profile, w.Name, w.IdentityVariable, w.Source)
		return 0, nil
	case !c.Store.BlocksNodeIdentity && c.uncertainVariable() != "":
		return 0, c.denyIncomplete(c.uncertainVariable())
	}
	c.warn("container %q keeps the identity that %s gave it (%s), and does not get that of %s %s: remove %s, or list the container in the pod's annotation %s",
		c.Name, w.Name, w.IdentityVariable, c.profile.Kind, c.profile, w.Source, w.SkipAnnotation)
	return c.Store.IdentityGroup | profile.GroupEntra, nil
}

// uncertainVariable returns a variable of the other webhook's identity that may have no value: the container sets it by an
// optional reference, so the webhook left it alone. Empty: there is none.
func (c webhookConflict) uncertainVariable() string {
	for _, name := range append([]string{c.webhook.IdentityVariable}, c.webhook.OtherVariables...) {
		if !c.own.presenceOf(name).isCertain() {
			return name
		}
	}
	return ""
}

// denyIncomplete denies the pod that another webhook gave a token without an identity, which does not go with the
// profile's.
func (c webhookConflict) denyIncomplete(lacking string) error {
	w := c.webhook
	return Deny(ReasonIncompleteIdentity, fmt.Sprintf(
		"%s.env: container %q has the token of %s without %s for certain, and the rest of what that webhook set does not go with %s of %s %s: remove %s, or list the container in the pod's annotation %s",
		c.fieldPath(), c.Name, w.Name, lacking, c.Store.IdentityGroup, c.profile.Kind, c.profile, w.Source, w.SkipAnnotation))
}

// isCompatible reports whether the profile's identity is whole beside what the other webhook set: where both use a
// variable, both mean the same. The path of the token may be either, as long as the token is for the same audience.
func (c webhookConflict) isCompatible() bool {
	w := c.webhook
	sameToken := c.Mode.Audience != nil && c.Rank() == w.Rank && c.Mode.Audience(c.Spec) == c.otherAudience()
	for i := range c.Env {
		env := &c.Env[i]
		switch {
		case !w.Sets(env.Name) || sameToken && w.IsFile(env.Name):
		case c.injects(env.Name):
			if !c.equalsInjected(env) {
				return false
			}
		case c.Rank() == w.Rank && w.Binding.Sets(env.Name):
			return false // The profile's token would go to a proxy that takes another.
		}
	}
	return true
}

// otherAudience returns the audience of the other webhook's token.
func (c webhookConflict) otherAudience() string {
	if b := c.webhook.Binding; b != nil && c.own.presenceOf(b.ProxyVariable).isPossible() {
		return b.Audience
	}
	return c.webhook.Audience
}

// checkTokenProxy denies the pod of which a container has a token of Lighterman beside the token proxy of another webhook, which
// came later and adds variables one by one: nothing of it can be taken away, and the proxy takes another token.
func (s scope) checkTokenProxy() error {
	for i := range s.Store.CloudWebhooks {
		w := &s.Store.CloudWebhooks[i]
		b := w.Binding
		if b == nil {
			continue
		}
		isOurs := func(e corev1.EnvVar) bool { return e.Name == w.TokenVariable && s.equalsInjected(&e) }
		isTheirs := func(e corev1.EnvVar) bool {
			return e.Name == b.CAVariable && isWithin(cleanPath(e.Value), w.TokenDirectory)
		}
		if s.injects(b.ProxyVariable) || !slices.ContainsFunc(s.Env, isOurs) || !slices.ContainsFunc(s.Env, isTheirs) {
			continue
		}
		return Deny(ReasonIncompleteIdentity, fmt.Sprintf(
			"%s.env: container %q has the token of %s %s and the token proxy of %s (%s), which takes another: set identityBinding in the profile, remove the pod's annotation %s…, or list the container in the pod's annotation %s",
			s.fieldPath(), s.Name, s.profile.Kind, s.profile, w.Name, b.ProxyVariable, b.AnnotationPrefix, w.SkipAnnotation))
	}
	return nil
}

// skipAnnotations returns annotations that tell the webhooks whose identity programs would take before the profile's, or that would
// mix a part of theirs with it, to leave the containers alone, in those webhooks' own words. An existing annotation is the user's.
func skipAnnotations(d *desired, m *Metadata, containers []containerAdditions) []entry {
	var annotations []entry
	for i := range d.Store.CloudWebhooks {
		w := &d.Store.CloudWebhooks[i]
		_, set := m.Annotations[w.SkipAnnotation]
		if set || d.Mode.KeepsAmbientIdentity || (w.Label != "" && m.Labels[w.Label] != "true") {
			continue
		}
		if mixes := d.Rank() == w.Rank && w.Binding.IsAskedBy(m.Annotations); d.Rank() <= w.Rank && !mixes {
			continue
		}
		var names []string
		for i := range containers {
			if c := &containers[i]; c.hasIdentity && !injectedInto(w, c.Container) {
				names = append(names, c.Name)
			}
		}
		if len(names) > 0 {
			annotations = append(annotations, entry{w.SkipAnnotation, strings.Join(names, w.Separator)})
		}
	}
	return annotations
}
