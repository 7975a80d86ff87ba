package partition

import (
	"regexp"
	"slices"
	"strings"
)

// Partition is one of Amazon's partitions.
type Partition struct {
	// Name is the part of its ARNs after "arn:".
	Name string
	// DNSSuffix ends the host names of its services, DualStackDNSSuffix those of the services that have others for IPv6. S3 is
	// not one of them.
	DNSSuffix, DualStackDNSSuffix string
	// regions are those that the SDK knows by name, pattern what it takes a region by that it does not know.
	regions []string
	pattern *regexp.Regexp
}

// Of returns the partition of a region as Amazon's SDK finds it: by name, else by pattern, else the public one. isKnown is false
// for the last, which is a guess.
func Of(region string) (p *Partition, isKnown bool) {
	for i := range partitions {
		if slices.Contains(partitions[i].regions, region) {
			return &partitions[i], true
		}
	}
	for i := range partitions {
		if partitions[i].pattern.MatchString(region) {
			return &partitions[i], true
		}
	}
	return Public(), false
}

// Public returns the partition that programs take for granted. It alone has a global token service.
func Public() *Partition { return &partitions[0] }

// IsPublic reports whether the partition is the one that programs take for granted.
func (p *Partition) IsPublic() bool { return p == Public() }

// IsPseudoRegion reports whether a region of the SDK's stands for none in particular, as aws-global does. No bucket is there.
func IsPseudoRegion(region string) bool {
	p, isKnown := Of(region)
	return isKnown && region == p.Name+"-global"
}

// OfHost returns the partition that a host is in; nil: it is none of Amazon's. Some have the domain of the public one.
func OfHost(host string) *Partition {
	for i := range partitions {
		if p := &partitions[i]; isBelow(host, p.DNSSuffix) || isBelow(host, p.DualStackDNSSuffix) {
			return p
		}
	}
	return nil
}

// URLPattern returns the expression that matches URLs of hosts of all partitions. The CRD's rule has it.
func URLPattern() string {
	var domains []string
	for i := range partitions {
		for _, domain := range []string{partitions[i].DNSSuffix, partitions[i].DualStackDNSSuffix} {
			if escaped := strings.ReplaceAll(domain, ".", "[.]"); !slices.Contains(domains, escaped) {
				domains = append(domains, escaped)
			}
		}
	}
	return "(?i)^https?://[^/?#@]*[.](" + strings.Join(domains, "|") + ")(:[0-9]*)?(/|$)"
}

// isBelow reports whether a host is below a domain.
func isBelow(host, domain string) bool {
	name, ok := strings.CutSuffix(host, domain)
	return ok && strings.HasSuffix(name, ".")
}

// S3URL returns the URL of S3 in a region; of that which finds the region itself, for none. Without a region it is in the public
// partition (docs.aws.amazon.com/general/latest/gr/s3.html, and the endpoint rules of aws-sdk-go-v2 service/s3 v1.114.10).
func S3URL(region string) string { return serviceURL("s3", region) }

// STSURL returns the URL of the token service of a region; for none the global one, which only the public partition has
// (the endpoint rules of aws-sdk-go-v2 service/sts v1.52.0).
func STSURL(region string) string { return serviceURL("sts", region) }

// GlobalSTSURL returns the URL of the token service for programs that ask none of a region: the global one, and where the
// region's partition has none that of the region.
func GlobalSTSURL(region string) string {
	if p, _ := Of(region); p.IsPublic() {
		region = ""
	}
	return STSURL(region)
}

func serviceURL(service, region string) string {
	p, _ := Of(region)
	if region != "" {
		service += "." + region
	}
	return "https://" + service + "." + p.DNSSuffix
}
