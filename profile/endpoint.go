package profile

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// This file takes the URLs of a profile apart. What programs read differently is refused, with the URL that they all read alike.

// isHostName is what every program takes for the name of a host.
var isHostName = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?$`)

// isPlainPath is a path that need not be escaped.
var isPlainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`)

// exampleURL is for messages where nothing of the URL can be kept.
const exampleURL = "https://minio.storage.svc:9000"

// checkURL returns a URL of the profile, without slashes at its end; nil: it adds a problem.
func (p *problems) checkURL(field, text string) *url.URL {
	if !strings.Contains(text, "://") {
		write := exampleURL
		if u, err := url.Parse("https://" + text); err == nil && u.User == nil && isHostName.MatchString(strings.ToLower(u.Hostname())) {
			write = "https://" + strings.ToLower(u.Host) + u.EscapedPath()
		}
		p.addInvalid(field, "must be a URL with a scheme: write %s, or http:// where the store has no TLS", write)
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		p.addInvalid(field, "must be a URL of a scheme, a host and perhaps a port, for example %s", exampleURL)
		return nil
	}
	u.Path = strings.TrimRight(u.Path, "/")
	if u.Scheme != "https" && u.Scheme != "http" {
		p.addInvalid(field, "begins with %s://: write the https:// or http:// URL of the service", u.Scheme)
		return nil
	}
	for _, refuse := range urlRules {
		if why := refuse(u, text); why != "" {
			p.addInvalid(field, "%s", why)
			return nil
		}
	}
	return u
}

// urlRules return why a URL is refused; empty: it is not.
var urlRules = [...]func(u *url.URL, text string) string{
	func(u *url.URL, _ string) string {
		if u.User == nil {
			return ""
		}
		return "has a user before its host, and credentials belong into auth: write " + plainURL(u)
	},
	func(u *url.URL, _ string) string {
		if u.RawQuery == "" && !u.ForceQuery {
			return ""
		}
		return "has a query, which belongs to a request and not to a store: write " + plainURL(u)
	},
	func(u *url.URL, text string) string {
		if !strings.Contains(text, "#") {
			return ""
		}
		return "has a fragment: write " + plainURL(u)
	},
	func(u *url.URL, _ string) string { return refuseHost(u) },
	func(u *url.URL, _ string) string {
		port := u.Port()
		n, err := strconv.Atoi(port)
		if port == "" && !strings.HasSuffix(u.Host, ":") || err == nil && n >= 1 && n <= 65535 && port == strconv.Itoa(n) {
			return ""
		}
		return "needs a port from 1 to 65535, or none"
	},
	func(u *url.URL, text string) string {
		if strings.HasPrefix(text, u.Scheme+"://"+strings.ToLower(u.Host)) {
			return ""
		}
		return "has capital letters, which not every program takes: write " + plainURL(u)
	},
	func(u *url.URL, _ string) string {
		if isPlainPath.MatchString(u.Path) && !strings.Contains(u.Path+"/", "/./") && !strings.Contains(u.Path+"/", "/../") {
			return ""
		}
		return "has a path that programs read differently: write one of letters, digits, - _ . ~ and single slashes"
	},
}

// refuseHost returns why the host of a URL is refused.
func refuseHost(u *url.URL) string {
	host := u.Hostname()
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return "has the zone of an IPv6 address, which is another one on each node: write the address without %" + addr.Zone()
		}
		return ""
	}
	switch {
	case strings.ContainsFunc(host, func(r rune) bool { return r > 0x7e }):
		return "has a host with letters that not every program can look up: write it as the DNS has it, with xn--"
	case strings.HasSuffix(host, "."):
		return "has a host with a dot at its end, which no certificate has: write it without"
	case !isHostName.MatchString(strings.ToLower(host)) || strings.Contains(host, ".."):
		return "has a host that is no name: write one of letters, digits, dashes and dots"
	}
	return ""
}

// plainURL returns scheme, host, port and path of a URL, in the spelling that all programs take.
func plainURL(u *url.URL) string { return u.Scheme + "://" + strings.ToLower(u.Host) + u.EscapedPath() }

// isIPAddress reports whether a host is one.
func isIPAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}
