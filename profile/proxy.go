package profile

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
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

// ProxyVariables are the variables that name a proxy, and NoProxy the one that lists what is reached without. Programs read them
// in upper case, in lower case or both. All of the former count: azidentity for JavaScript sends plain HTTP to HTTPS_PROXY
// too (@azure/core-rest-pipeline 1.22, proxyPolicy.ts).
var ProxyVariables = []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}

// NoProxy is the variable that lists what is reached without a proxy.
const NoProxy = "NO_PROXY"

// alwaysDirect is what every profile's proxy is not asked for: loopback, the cluster's services as far as their names tell, the API
// server, and what only the pod's node answers. The domain of the cluster's services is the cluster's own, and cluster.local by
// default. The kubelet fills in the API server's address, which every pod has as a variable.
var alwaysDirect = slices.Concat(
	[]string{"localhost", "127.0.0.1", "::1", ".svc", ".cluster.local", "kubernetes.default", "$(" + apiServerHost + ")"},
	eksAgent, googleMetadata, // The latter begins with the address that all clouds' metadata services have.
)

// apiServerHost is the variable with the API server's address. The kubelet sets it in every container.
const apiServerHost = "KUBERNETES_SERVICE_HOST"

// IsSetByKubelet reports whether the kubelet sets a variable in every container, so that others may refer to it.
func IsSetByKubelet(name string) bool { return name == apiServerHost }

// addProxy adds the variables of spec.proxy, in both spellings: curl reads http_proxy in lower case alone, and the Azure SDK for
// Java reads upper case alone.
func (e *Environment) addProxy() {
	p := e.Spec.Proxy
	if p == nil {
		return
	}
	none := noProxy(p)
	for _, v := range [...]struct{ name, value string }{
		{"HTTPS_PROXY", string(p.HTTPS)}, {"HTTP_PROXY", string(p.HTTP)}, {NoProxy, none},
	} {
		e.addVar(v.name, v.value, groupsByVariable[v.name])
		e.addVar(strings.ToLower(v.name), v.value, groupsByVariable[v.name])
	}
}

// noProxy returns what is reached without the proxy.
func noProxy(p *v1alpha1.Proxy) string {
	entries := slices.Clone(alwaysDirect)
	for entry := range strings.SplitSeq(strings.Join(p.NoProxy, ","), ",") {
		if entry != "" && !slices.Contains(entries, entry) {
			entries = append(entries, entry)
		}
	}
	return strings.Join(entries, ",")
}

// The CRD's rules on a proxy's URL.
const (
	proxyURLPattern = `^https?://([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])` +
		`(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?/?$`
	noProxyPattern = `^[A-Za-z0-9.*:/_%\[\]-]+(,[A-Za-z0-9.*:/_%\[\]-]+)*$`
)

var (
	isProxyURL     = regexp.MustCompile(proxyURLPattern)
	isNoProxyEntry = regexp.MustCompile(noProxyPattern)
)

// checkProxy refuses a proxy that programs would understand otherwise than its author, or that has a password; and two proxies.
func (p *problems) checkProxy(spec *v1alpha1.CredentialProfileSpec) {
	proxy := spec.Proxy
	if proxy == nil {
		return
	}
	if proxy.HTTPS == "" && proxy.HTTP == "" {
		p.addInvalid("spec.proxy", "names no proxy: set https, http or both")
	}
	p.checkProxyURL("spec.proxy.https", string(proxy.HTTPS))
	p.checkProxyURL("spec.proxy.http", string(proxy.HTTP))
	for i, entry := range proxy.NoProxy {
		if !isNoProxyEntry.MatchString(entry) {
			p.addInvalid(fmt.Sprintf("spec.proxy.noProxy[%d]", i),
				"must be a host, a domain, an address or a network, or several with commas and no spaces between them")
		}
	}
	for i := range spec.Env {
		if name := spec.Env[i].Name; IsProxyVariable(name) {
			p.addInvalid(fmt.Sprintf("spec.env[%d].name", i), "%s is there beside spec.proxy, which sets it too: remove one", name)
		}
	}
}

func (p *problems) checkProxyURL(field, address string) {
	switch {
	case strings.Contains(address, "@"): // The message does not show it.
		p.addInvalid(field, "must not have a user and a password: whoever may read profiles could read them; let the proxy pass the cluster's requests without, or set HTTPS_PROXY in the container itself, from a Secret")
	case address != "" && !isProxyURL.MatchString(address):
		p.addInvalid(field, "must be the URL of an HTTP proxy, for example http://proxy.example.com:8080: some tools understand neither SOCKS nor a path")
	}
}

// warnProxy warns of tools that do not take a proxy from variables.
func (r *Resolved) warnProxy() string {
	if r.Spec.Proxy == nil {
		return ""
	}
	var told []string
	for _, d := range r.dialects {
		if d != nil && d.ignoresProxy != "" {
			told = append(told, string(d.name)+" "+d.ignoresProxy)
		}
	}
	if len(told) == 0 {
		return ""
	}
	return "spec.proxy: " + strings.Join(told, "; ")
}

// IsProxyVariable reports whether a variable belongs to the pod's way to the network.
func IsProxyVariable(name string) bool {
	upper := strings.ToUpper(name)
	return (upper == NoProxy || slices.Contains(ProxyVariables, upper)) && (name == upper || name == strings.ToLower(name))
}

// extendNoProxy adds the mode's link-local addresses to the NO_PROXY of spec.env.
func (e *Environment) extendNoProxy() {
	for i := range e.Vars {
		if v := &e.Vars[i]; strings.EqualFold(v.Name, NoProxy) && IsProxyVariable(v.Name) {
			v.Value = strings.Join(append([]string{v.Value}, Unlisted(v.Value, e.Mode.LinkLocal)...), ",")
		}
	}
}

// Unlisted returns the addresses that a NO_PROXY does not name so that every program understands it. A network such as
// 169.254.0.0/16 does not count: Go and Python's requests 2.34 understand it, botocore 1.43 and AWS's SDK for Java do not
// (botocore utils.py, should_bypass_proxies; github.com/aws/aws-sdk-java-v2/issues/5399).
func Unlisted(value string, addresses []string) []string {
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
