package profile

import (
	"strings"

	"lighterman.dev/lighterman/internal/partition"
)

// This file decides whether a variable of a container sends what it asks to another store than the profile's: then it must not
// ask with the profile's identity.

// leadsElsewhere reports whether a variable's value names another store than the profile's.
type leadsElsewhere func(r *Resolved, value string) bool

// LeadsElsewhere reports whether a variable with a literal value has a program ask another store than the profile's, or another
// token service.
func (r *Resolved) LeadsElsewhere(name, value string) bool {
	if value == "" || strings.Contains(value, "$(") {
		return false
	}
	if leads := r.Store.endpoints[name]; leads != nil {
		return leads(r, value)
	}
	for _, d := range r.dialects {
		if leads := d.endpoints[name]; leads != nil {
			return leads(r, value)
		}
	}
	return false
}

// s3Elsewhere takes a URL, or a host with or without a port.
func s3Elsewhere(r *Resolved, value string) bool {
	if r.Spec.S3 == nil {
		return false
	}
	host := hostOf(value)
	if where := partition.OfHost(host); where != nil && r.isAmazon() && r.location.endpoint == "" {
		return where != partition.OfHost(hostOf(r.s3URL())) // Also endpoints of a VPC, of FIPS and of both stacks.
	}
	return !isSameHost(host, hostOf(r.s3URL()))
}

// stsElsewhere takes the URL of a token service, or a host with or without a port. It is sent the pod's token.
func stsElsewhere(r *Resolved, value string) bool {
	if r.Spec.S3 == nil || r.Spec.S3.Auth.WebIdentity == nil {
		return false
	}
	host, own := hostOf(value), hostOf(r.stsURL())
	if r.Spec.S3.Auth.WebIdentity.STSEndpoint == "" {
		return partition.OfHost(host) == nil || partition.OfHost(host) != partition.OfHost(own)
	}
	return !isSameHost(host, own)
}

// azureElsewhere takes a URL.
func azureElsewhere(r *Resolved, value string) bool {
	if r.Spec.Azure == nil {
		return false
	}
	host, own := hostOf(value), hostOf(r.azureEndpoint())
	if r.Spec.Azure.Endpoint == "" {
		account, domain, _ := strings.Cut(own, ".")
		if strings.HasPrefix(account, "$(") { // It is known to a Secret alone.
			return !strings.HasSuffix(host, "."+domain)
		}
		host = strings.Replace(host, ".privatelink.", ".", 1) // learn.microsoft.com/azure/private-link/private-endpoint-dns
	}
	return !isSameHost(host, own)
}

// azureDomainElsewhere takes the domain that follows the account's name, or the cloud's suffix that follows "blob.".
func azureDomainElsewhere(r *Resolved, value string) bool {
	if r.Spec.Azure == nil {
		return false
	}
	return !strings.EqualFold(strings.TrimPrefix(hostOf(value), "blob."), r.cloud.suffix)
}

// googleElsewhere takes a URL.
func googleElsewhere(r *Resolved, value string) bool {
	if r.Spec.GCS == nil {
		return false
	}
	host := hostOf(value)
	if own := r.Spec.GCS.Endpoint; own != "" {
		return !isSameHost(host, hostOf(own))
	}
	return !isSameHost(host, universeOf(r.Spec.GCS)) // Also those of Private Google Access and Private Service Connect.
}

// anyElsewhere takes a URL, whichever the store is.
func anyElsewhere(r *Resolved, value string) bool {
	return s3Elsewhere(r, value) || azureElsewhere(r, value) || googleElsewhere(r, value)
}

// universeElsewhere takes the domain of a universe, where programs find the hosts of Google's APIs.
func universeElsewhere(r *Resolved, value string) bool {
	return r.Spec.GCS != nil && !strings.EqualFold(value, universeOf(r.Spec.GCS))
}

// ignoresEndpoint takes a boolean, with which the SDKs ask Amazon.
func ignoresEndpoint(r *Resolved, value string) bool {
	return strings.EqualFold(value, "true") && r.Spec.S3 != nil && r.location.endpoint != ""
}

// hostOf returns the host of a URL, or of what stands for one without its scheme, in lower case and without a port.
func hostOf(value string) string {
	if _, rest, ok := strings.Cut(value, "://"); ok {
		value = rest
	}
	if at := strings.IndexAny(value, "/?#"); at >= 0 {
		value = value[:at]
	}
	value = strings.ToLower(value[strings.LastIndexByte(value, '@')+1:])
	if strings.HasPrefix(value, "[") { // An IPv6 address.
		address, _, _ := strings.Cut(value[1:], "]")
		return address
	}
	value, _, _ = strings.Cut(value, ":")
	return strings.TrimSuffix(value, ".")
}

// isSameHost reports whether a host is the profile's, or is below it, as a bucket's is. A service of the cluster has shorter names
// (kubernetes.io/docs/concepts/services-networking/dns-pod-service).
func isSameHost(host, own string) bool {
	host, own = shortServiceName(host), shortServiceName(own)
	return host == own || strings.HasSuffix(host, "."+own)
}

// shortServiceName returns <service>.<namespace> for a service of the cluster, and other hosts as they are.
func shortServiceName(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(host, ".cluster.local"), ".svc")
}
