package profile

import (
	"net/netip"
	"slices"
	"strings"
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
