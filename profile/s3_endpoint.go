package profile

import (
	"fmt"
	"net/url"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/partition"
)

// checkS3Endpoint finds what is wrong with an S3 store's URL by itself, with the bucket, and with the preset.
func (p *problems) checkS3Endpoint(r *Resolved) {
	if r.Spec.S3.Endpoint == "" {
		return
	}
	u := p.checkURL("spec.s3.endpoint", r.Spec.S3.Endpoint)
	if u == nil {
		return
	}
	host, amazon := u.Hostname(), partition.OfHost(u.Hostname())
	if write := withoutBucket(u, r.Spec.S3.Bucket); write != "" {
		p.addInvalid("spec.s3.endpoint", "has the bucket in it, which programs add themselves: write %s, and the bucket into spec.s3.bucket", write)
		return
	}
	switch {
	case r.isAmazon() && amazon == nil:
		p.addInvalid("spec.s3.preset", "%s is for Amazon S3 alone, and the endpoint's host %s is not Amazon's: set preset: %s",
			v1alpha1.PresetAWS, host, nearestPreset(host))
	case u.Path != "" && hasNoPath(host):
		p.addInvalid("spec.s3.endpoint", "has a path, and the store at %s has none: write %s://%s", host, u.Scheme, u.Host)
	case amazon != nil && r.isAmazon():
		p.checkHostPartition(host, amazon, r.location.region)
	}
	if !r.location.pathStyle && isIPAddress(host) {
		p.addInvalid("spec.s3.forcePathStyle", "must be true: a bucket cannot be put before the IP address %s", host)
	}
}

// checkHostPartition refuses the host of another partition than that of the region.
func (p *problems) checkHostPartition(host string, is *partition.Partition, region string) {
	if want, isKnown := partition.Of(region); isKnown && want.DNSSuffix != is.DNSSuffix {
		p.addInvalid("spec.s3.endpoint", "%s is a host of partition %s, and region %s is in partition %s: correct one of them, or leave endpoint out",
			host, is.Name, region, want.Name)
	}
}

// withoutBucket returns the URL that an endpoint should be which has a bucket in its path or its host, as the consoles of stores
// show it; empty: it has none.
func withoutBucket(u *url.URL, bucket string) string {
	root := u.Scheme + "://"
	if bucket != "" {
		if u.Path == "/"+bucket || strings.HasPrefix(u.Path, "/"+bucket+"/") {
			return root + u.Host
		}
		if base, ok := strings.CutSuffix(u.Path, "/"+bucket); ok {
			return root + u.Host + base
		}
		rest, ok := strings.CutPrefix(u.Host, bucket+".")
		if ok && partition.OfHost(u.Hostname()) != nil && (strings.HasPrefix(rest, "s3.") || strings.HasPrefix(rest, "s3-")) {
			return root + rest
		}
	}
	if service := serviceHost(u.Hostname()); service != "" && service != u.Hostname() {
		return root + service
	}
	return ""
}

// serviceHost returns the host of the store that a host is, or is a bucket's of, by the presets' rows; empty: it is none of theirs.
func serviceHost(host string) string {
	longest := ""
	for i := range presets {
		for _, pattern := range presets[i].hosts {
			// <account>.eu.r2.cloudflarestorage.com is a store, and no bucket of eu.r2.cloudflarestorage.com.
			if service := cutService(host, pattern); len(service) > len(longest) {
				longest = service
			}
		}
	}
	return longest
}

// cutService returns the end of a host that a pattern of presets describes; empty: it describes none.
func cutService(host, pattern string) string {
	rest := host
	for pattern != "" {
		label := pattern[strings.LastIndexByte(pattern, '.')+1:]
		found := rest[strings.LastIndexByte(rest, '.')+1:]
		if found == "" || label != "*" && label != found {
			return ""
		}
		pattern, rest = cutLast(pattern, label), cutLast(rest, found)
	}
	return strings.TrimPrefix(host[len(rest):], ".")
}

// cutLast returns what is before the last label of a host.
func cutLast(host, label string) string {
	return strings.TrimSuffix(strings.TrimSuffix(host, label), ".")
}

// presetOfHost returns the preset whose store a host is of; empty: none is known for it.
func presetOfHost(host string) v1alpha1.S3Preset {
	if partition.OfHost(host) != nil {
		return v1alpha1.PresetAWS
	}
	for i := range presets {
		for _, pattern := range presets[i].hosts {
			if cutService(host, pattern) != "" {
				return presets[i].name
			}
		}
	}
	return ""
}

// hasNoPath reports whether the store of a host is known to be at no path.
func hasNoPath(host string) bool {
	p := presetOf(&v1alpha1.S3Store{Preset: presetOfHost(host)})
	return presetOfHost(host) != "" && !hasPath(p.example)
}

// nearestPreset returns the presets to choose from for a host.
func nearestPreset(host string) string {
	if name := presetOfHost(host); name != "" {
		return string(name)
	}
	for i := range presets {
		for _, word := range presets[i].words {
			if strings.Contains(host, word) {
				return string(presets[i].name) + " (or Other, where it is something else)"
			}
		}
	}
	return "Other, or the name of the store where there is one for it"
}

// warnPreset returns the preset that fits the endpoint's host better.
func (r *Resolved) warnPreset() string {
	if r.preset == nil || r.Spec.S3.Endpoint == "" {
		return ""
	}
	host := hostOf(r.location.endpoint)
	if fits := presetOfHost(host); fits != "" && fits != r.preset.name {
		return fmt.Sprintf("spec.s3.preset: is %s, and the endpoint's host %s is known to be %s: set preset: %s, for its region, path style and checksums",
			r.preset.name, host, fits, fits)
	}
	return ""
}

// warnBucketInHost returns that the host may be the bucket's, where nothing tells: a store may have a bucket of its own name.
func (r *Resolved) warnBucketInHost() string {
	if r.preset == nil || r.Spec.S3.Bucket == "" || r.Spec.S3.Endpoint == "" {
		return ""
	}
	scheme, host, _ := strings.Cut(r.location.endpoint, "://")
	rest, ok := strings.CutPrefix(host, r.Spec.S3.Bucket+".")
	name, _, _ := strings.Cut(rest, ":")
	if !ok || !strings.Contains(name, ".") ||
		strings.HasSuffix(name, ".svc") || strings.HasSuffix(name, ".svc.cluster.local") {
		return ""
	}
	return fmt.Sprintf("spec.s3.endpoint: begins with the bucket's name, and programs add the bucket themselves: if this is the address of the bucket, write %s://%s",
		scheme, rest)
}

// warnRegion returns the region that is assumed where nothing is known of the store.
func (r *Resolved) warnRegion() string {
	if r.preset == nil || r.preset.name != presetOther || r.Spec.S3.Region != "" {
		return ""
	}
	return fmt.Sprintf("spec.s3.region: is not set, so requests are signed for %s: stores that compare the region (Garage's s3_region, versitygw's) refuse those of another, so set it to the store's",
		r.location.region)
}

// useOtherForPath is the cure where a tool cannot use a path.
const useOtherForPath = ": use another tool, or give the store a host of its own"

// basePath refuses an endpoint with a path, for tools that drop it or take it for something else.
func basePath(why string) func(*Resolved) string {
	return func(r *Resolved) string {
		if hasPath(r.location.endpoint) {
			return why
		}
		return ""
	}
}

// hasPath reports whether a URL has more than slashes behind its host.
func hasPath(endpoint string) bool {
	_, rest, _ := strings.Cut(endpoint, "://")
	return strings.Contains(strings.TrimRight(rest, "/"), "/")
}
