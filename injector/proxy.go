package injector

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Addresses that only the pod's node answers, over plain HTTP. A program that asks them through a proxy sends the pod's token,
// or gets its credential, in clear text by way of another machine.
var (
	// eksAgent are those of the EKS Pod Identity agent: docs.aws.amazon.com/eks/latest/userguide/pod-id-agent-setup.html.
	eksAgent = []string{"169.254.170.23", "[fd00:ec2::23]"}
	// instanceMetadata is that of Azure, also where NMI answers in its place:
	// learn.microsoft.com/azure/virtual-machines/instance-metadata-service.
	instanceMetadata = []string{"169.254.169.254"}
	// googleMetadata are those of GKE and of Compute Engine: cloud.google.com/compute/docs/metadata/querying-metadata.
	googleMetadata = []string{"169.254.169.254", "metadata.google.internal"}
	// awsMetadata are those that a pod with the identity of its node may ask.
	awsMetadata = slices.Concat(instanceMetadata, eksAgent)
)

// proxyNames are the variables that name a proxy, and noProxy the one that lists what is reached without. Programs read them
// in upper case, in lower case or both. All of the former count: azidentity for JavaScript sends plain HTTP to HTTPS_PROXY
// too (@azure/core-rest-pipeline 1.22, proxyPolicy.ts).
var proxyNames = []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}

const noProxy = "NO_PROXY"

// spellings are the ways in which the variables are written.
var spellings = []func(string) string{strings.ToUpper, strings.ToLower}

// isProxyVariable reports whether a variable belongs to the pod's way to the network.
func isProxyVariable(name string) bool {
	upper := strings.ToUpper(name)
	return (upper == noProxy || slices.Contains(proxyNames, upper)) && (name == upper || name == strings.ToLower(name))
}

// extendNoProxy adds the mode's link-local addresses to the NO_PROXY of spec.env.
func (e *environment) extendNoProxy() {
	for i := range e.vars {
		if v := &e.vars[i]; strings.EqualFold(v.Name, noProxy) && isProxyVariable(v.Name) {
			v.Value = strings.Join(append([]string{v.Value}, unlisted(v.Value, e.mode.linkLocal)...), ",")
		}
	}
}

// unlisted returns the addresses that a NO_PROXY does not name so that every program understands it. A network such as
// 169.254.0.0/16 does not count: Go and Python's requests 2.34 understand it, botocore 1.43 and AWS's SDK for Java do not
// (botocore utils.py, should_bypass_proxies; github.com/aws/aws-sdk-java-v2/issues/5399).
func unlisted(value string, addresses []string) []string {
	var missing []string
	for _, address := range addresses {
		if !slices.ContainsFunc(strings.Split(value, ","), func(entry string) bool { return lists(entry, address) }) {
			missing = append(missing, address)
		}
	}
	return missing
}

// lists reports whether an entry of NO_PROXY names an address: it is the same, a domain above it, or all there is.
func lists(entry, address string) bool {
	entry = strings.ToLower(strings.TrimSpace(entry))
	if entry == "*" {
		return true
	}
	want, err := netip.ParseAddr(strings.Trim(address, "[]"))
	if err == nil {
		got, err := netip.ParseAddr(strings.Trim(entry, "[]"))
		return err == nil && got == want
	}
	domain := strings.TrimPrefix(strings.TrimPrefix(entry, "*"), ".")
	return domain != "" && (address == domain || strings.HasSuffix(address, "."+domain))
}

// planProxy sees to it that a container asks the mode's link-local addresses without a proxy, and warns of a proxy that the
// uploader does not have.
func (p *plan) planProxy(t *target) {
	if t.proven {
		env := slices.Concat(t.env, t.Env, t.filled(), t.tail)
		missing, own := p.lackNoProxy(env)
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

// lackNoProxy returns what an environment with a proxy lacks: a NO_PROXY in the spelling of the proxy. Where it has one in
// either spelling, own, none is added: a program takes but one of the two.
func (p *plan) lackNoProxy(env []corev1.EnvVar) (missing []corev1.EnvVar, own []*corev1.EnvVar) {
	if len(p.mode.linkLocal) == 0 {
		return nil, nil
	}
	for _, spell := range spellings {
		if slices.ContainsFunc(proxyNames, func(name string) bool { return hasValue(lastOf(env, spell(name))) }) {
			missing = append(missing, corev1.EnvVar{Name: spell(noProxy), Value: strings.Join(p.mode.linkLocal, ",")})
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	for _, spell := range spellings {
		if v := lastOf(env, spell(noProxy)); hasValue(v) {
			own = append(own, v)
		}
	}
	if len(own) > 0 {
		return nil, own
	}
	return missing, nil
}

func (p *plan) warnNoProxy(t *target, own *corev1.EnvVar) {
	add := unlisted(own.Value, p.mode.linkLocal)
	switch {
	case own.ValueFrom != nil:
		p.warn("container %q takes %s from elsewhere, where Lighterman cannot see it: unless it names %s, the identity of %s %s goes through a proxy in clear text",
			t.Name, own.Name, strings.Join(p.mode.linkLocal, ","), p.profile.Kind, p.profile)
	case slices.ContainsFunc(add, isInjected):
		p.warn("container %q has a proxy, and its %s does not name %s: add it, else the identity of %s %s goes through the proxy in clear text (not every program understands a network such as 169.254.0.0/16 there)",
			t.Name, own.Name, strings.Join(add, ","), p.profile.Kind, p.profile)
	}
}

// isInjected reports whether programs are told to ask an address: what Lighterman injects names the agent by IPv4 alone.
func isInjected(address string) bool { return !strings.HasPrefix(address, "[") }

// lastOf returns the variable of a name that counts, which is the last; nil: there is none.
func lastOf(env []corev1.EnvVar, name string) *corev1.EnvVar {
	for i := range slices.Backward(env) {
		if env[i].Name == name {
			return &env[i]
		}
	}
	return nil
}

func hasValue(v *corev1.EnvVar) bool { return v != nil && (v.Value != "" || v.ValueFrom != nil) }

// proxyEnv returns the proxy variables of spec.env, and those that they refer to, for the containers of the uploader: they
// take the same way to the network as the others.
func (p *plan) proxyEnv() ([]corev1.EnvVar, error) {
	wanted := map[int]bool{}
	for i := range p.vars {
		if isProxyVariable(p.vars[i].Name) {
			if err := p.addWithReferences(wanted, i); err != nil {
				return nil, err
			}
		}
	}
	var env []corev1.EnvVar
	for i := range p.vars {
		if wanted[i] {
			env = append(env, p.vars[i].EnvVar)
		}
	}
	missing, _ := p.lackNoProxy(env)
	return append(env, missing...), nil
}

// addWithReferences adds a variable, and those before it that its value refers to.
func (p *plan) addWithReferences(wanted map[int]bool, i int) error {
	wanted[i] = true
	for name := range references(p.vars[i].Value) {
		at, injected := p.index[name]
		if !injected || at >= i || p.vars[at].ValueFrom != nil {
			return Deny(ReasonInvalidProfile, fmt.Sprintf(
				"%s %s: spec.env: %s refers to $(%s), which the uploader does not have: write the value out", p.profile.Kind,
				p.profile, p.vars[i].Name, name))
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
		if _, injected := p.index[env.Name]; !injected && slices.Contains(proxyNames, strings.ToUpper(env.Name)) && hasValue(env) {
			p.warn("container %q sets %s itself, and the uploader does not have it: put it into spec.env of %s %s if the store is reached through that proxy",
				t.Name, env.Name, p.profile.Kind, p.profile)
			return
		}
	}
}
