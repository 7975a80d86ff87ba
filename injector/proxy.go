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

// addNoProxy returns what the container gets so that its programs ask the mode's link-local addresses without a proxy: a
// NO_PROXY, in place of one without a value. It warns of a NO_PROXY of the container's own that does not name them.
func (s scope) addNoProxy(env envAdditions) envAdditions {
	missing, own := s.missingNoProxy(env.front, s.Env, env.filledVars(), env.behind)
	for i := range own {
		s.warnNoProxy(own[i])
	}
	for i := range missing {
		if v := s.own.find(missing[i].Name); v != nil {
			env.fills = append(env.fills, filling{at: v.last, env: &missing[i]})
		} else {
			env.front = append(env.front, missing[i])
		}
	}
	return env
}

// missingNoProxy returns what an environment, in parts, lacks where it has a proxy: a NO_PROXY in the spelling of the
// proxy. Where it has one in either spelling, own, none is added: a program takes but one of the two.
func (d *desired) missingNoProxy(env ...[]corev1.EnvVar) (missing []corev1.EnvVar, own []*corev1.EnvVar) {
	if len(d.Mode.LinkLocal) == 0 {
		return nil, nil
	}
	for _, names := range proxySpellings {
		if slices.ContainsFunc(names.proxies, func(name string) bool { return hasValue(lastVariable(env, name)) }) {
			missing = append(missing, corev1.EnvVar{Name: names.noProxy, Value: strings.Join(d.Mode.LinkLocal, ",")})
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	for _, names := range proxySpellings {
		if v := lastVariable(env, names.noProxy); hasValue(v) {
			own = append(own, v)
		}
	}
	if len(own) > 0 {
		return nil, own
	}
	return missing, nil
}

// warnNoProxy warns of a NO_PROXY of the container's own that does not name the link-local addresses.
func (s scope) warnNoProxy(own *corev1.EnvVar) {
	add := profile.Unlisted(own.Value, s.Mode.LinkLocal)
	switch {
	case own.ValueFrom != nil:
		s.warn("container %q takes %s from elsewhere, where Lighterman cannot see it: unless it names %s, the identity of %s %s goes through a proxy in clear text",
			s.Name, own.Name, strings.Join(s.Mode.LinkLocal, ","), s.profile.Kind, s.profile)
	case slices.ContainsFunc(add, isAsked):
		s.warn("container %q has a proxy, and its %s does not name %s: add it, else the identity of %s %s goes through the proxy in clear text (not every program understands a network such as 169.254.0.0/16 there)",
			s.Name, own.Name, strings.Join(add, ","), s.profile.Kind, s.profile)
	}
}

// isAsked reports whether programs are told to ask an address: what Lighterman injects names the agent by IPv4 alone.
func isAsked(address string) bool { return !strings.HasPrefix(address, "[") }

// lastVariable returns the variable of a name that counts in an environment, in parts, which is the last; nil: there is
// none.
func lastVariable(env [][]corev1.EnvVar, name string) *corev1.EnvVar {
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

// proxyEnv returns the variables of the profile's proxies, and those that they refer to, for Lighterman's own containers: they
// take the same way to the network as the others.
func proxyEnv(d *desired) ([]corev1.EnvVar, error) {
	needed := map[int]bool{}
	for i := range d.Vars {
		if profile.IsProxyVariable(d.Vars[i].Name) {
			if err := addWithReferences(d, needed, i); err != nil {
				return nil, err
			}
		}
	}
	var env []corev1.EnvVar
	for i := range d.Vars {
		if needed[i] {
			env = append(env, d.Vars[i].EnvVar)
		}
	}
	missing, _ := d.missingNoProxy(env)
	return append(env, missing...), nil
}

// addWithReferences adds a variable, and those before it that its value refers to.
func addWithReferences(d *desired, needed map[int]bool, i int) error {
	needed[i] = true
	for name := range referencedNames(d.Vars[i].Value) {
		at, injected := d.byName[name]
		if profile.IsSetByKubelet(name) && !injected {
			continue
		}
		if !injected || at >= i || d.Vars[at].ValueFrom != nil {
			return Deny(ReasonInvalidProfile, fmt.Sprintf(
				"%s %s: spec.env: %s refers to $(%s), which the uploader does not have: write the value out", d.profile.Kind,
				d.profile, d.Vars[i].Name, name))
		}
		if err := addWithReferences(d, needed, at); err != nil {
			return err
		}
	}
	return nil
}

// warnProxies warns of a proxy that a container sets itself: the uploader takes another way to the network.
func (s scope) warnProxies() {
	for i := range s.Env {
		env := &s.Env[i]
		if !s.injects(env.Name) && slices.Contains(profile.ProxyVariables, strings.ToUpper(env.Name)) && hasValue(env) {
			s.warn("container %q sets %s itself, and the uploader does not have it: set spec.proxy of %s %s if the store is reached through that proxy",
				s.Name, env.Name, s.profile.Kind, s.profile)
			return
		}
	}
}
