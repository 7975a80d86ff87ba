package injector

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
)

// proxyNames are the names of the variables in one spelling.
type proxyNames struct {
	proxies []string
	noProxy string
}

// proxySpellings are the ways in which the variables are written.
var proxySpellings = [...]proxyNames{spellProxies(strings.ToUpper), spellProxies(strings.ToLower)}

func spellProxies(spell func(string) string) proxyNames {
	names := proxyNames{noProxy: spell(profile.NoProxy)}
	for _, name := range profile.ProxyVariables {
		names.proxies = append(names.proxies, spell(name))
	}
	return names
}

// planProxy sees to it that a container asks the mode's link-local addresses without a proxy, and warns of a proxy that the
// uploader does not have.
func (p *plan) planProxy(t *target) {
	if t.proven {
		missing, own := p.lackNoProxy(t.env, t.Env, t.filled(), t.tail)
		for i := range own {
			p.warnNoProxy(t, own[i])
		}
		for i := range missing {
			p.addNoProxy(t, &missing[i])
		}
	}
	if p.upload != nil {
		p.warnProxies(t)
	}
}

// addNoProxy adds a NO_PROXY to a container, in place of one that says nothing.
func (p *plan) addNoProxy(t *target, v *corev1.EnvVar) {
	if own := p.own.find(v.Name); own != nil {
		t.fills = append(t.fills, filling{at: own.last, env: v})
		return
	}
	t.env = append(t.env, *v)
}

// lackNoProxy returns what an environment, in parts, lacks where it has a proxy: a NO_PROXY in the spelling of the proxy. Where it has one in
// either spelling, own, none is added: a program takes but one of the two.
func (p *plan) lackNoProxy(env ...[]corev1.EnvVar) (missing []corev1.EnvVar, own []*corev1.EnvVar) {
	if len(p.Mode.LinkLocal) == 0 {
		return nil, nil
	}
	for _, names := range proxySpellings {
		if slices.ContainsFunc(names.proxies, func(name string) bool { return hasValue(lastOf(env, name)) }) {
			missing = append(missing, corev1.EnvVar{Name: names.noProxy, Value: strings.Join(p.Mode.LinkLocal, ",")})
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	for _, names := range proxySpellings {
		if v := lastOf(env, names.noProxy); hasValue(v) {
			own = append(own, v)
		}
	}
	if len(own) > 0 {
		return nil, own
	}
	return missing, nil
}

func (p *plan) warnNoProxy(t *target, own *corev1.EnvVar) {
	add := profile.Unlisted(own.Value, p.Mode.LinkLocal)
	switch {
	case own.ValueFrom != nil:
		p.warn("container %q takes %s from elsewhere, where Lighterman cannot see it: unless it names %s, the identity of %s %s goes through a proxy in clear text",
			t.Name, own.Name, strings.Join(p.Mode.LinkLocal, ","), p.profile.Kind, p.profile)
	case slices.ContainsFunc(add, isInjected):
		p.warn("container %q has a proxy, and its %s does not name %s: add it, else the identity of %s %s goes through the proxy in clear text (not every program understands a network such as 169.254.0.0/16 there)",
			t.Name, own.Name, strings.Join(add, ","), p.profile.Kind, p.profile)
	}
}

// isInjected reports whether programs are told to ask an address: what Lighterman injects names the agent by IPv4 alone.
func isInjected(address string) bool { return !strings.HasPrefix(address, "[") }

// lastOf returns the variable of a name that counts in an environment, in parts, which is the last; nil: there is none.
func lastOf(env [][]corev1.EnvVar, name string) *corev1.EnvVar {
	for _, part := range slices.Backward(env) {
		for i := range slices.Backward(part) {
			if part[i].Name == name {
				return &part[i]
			}
		}
	}
	return nil
}

func hasValue(v *corev1.EnvVar) bool { return v != nil && (v.Value != "" || v.ValueFrom != nil) }

// proxyEnv returns the proxy variables of spec.env, and those that they refer to, for the containers of the uploader: they
// take the same way to the network as the others.
func (p *plan) proxyEnv() ([]corev1.EnvVar, error) {
	wanted := map[int]bool{}
	for i := range p.Vars {
		if profile.IsProxyVariable(p.Vars[i].Name) {
			if err := p.addWithReferences(wanted, i); err != nil {
				return nil, err
			}
		}
	}
	var env []corev1.EnvVar
	for i := range p.Vars {
		if wanted[i] {
			env = append(env, p.Vars[i].EnvVar)
		}
	}
	missing, _ := p.lackNoProxy(env)
	return append(env, missing...), nil
}

// addWithReferences adds a variable, and those before it that its value refers to.
func (p *plan) addWithReferences(wanted map[int]bool, i int) error {
	wanted[i] = true
	for name := range references(p.Vars[i].Value) {
		at, injected := p.index[name]
		if !injected || at >= i || p.Vars[at].ValueFrom != nil {
			return Deny(ReasonInvalidProfile, fmt.Sprintf(
				"%s %s: spec.env: %s refers to $(%s), which the uploader does not have: write the value out", p.profile.Kind,
				p.profile, p.Vars[i].Name, name))
		}
		if err := p.addWithReferences(wanted, at); err != nil {
			return err
		}
	}
	return nil
}

// warnProxies warns of a proxy that a container sets itself: the uploader takes another way to the network.
func (p *plan) warnProxies(t *target) {
	for i := range t.Env {
		env := &t.Env[i]
		if _, injected := p.index[env.Name]; !injected && slices.Contains(profile.ProxyVariables, strings.ToUpper(env.Name)) && hasValue(env) {
			p.warn("container %q sets %s itself, and the uploader does not have it: put it into spec.env of %s %s if the store is reached through that proxy",
				t.Name, env.Name, p.profile.Kind, p.profile)
			return
		}
	}
}
