package profile

import (
	"net/url"
	"strings"
)

// checkAzureEndpoint finds what is wrong with the URL of a blob service by itself, with account, container and cloud.
func (p *problems) checkAzureEndpoint(r *Resolved) {
	az, field := r.Spec.Azure, "spec.azure.endpoint"
	if az.Endpoint == "" {
		return
	}
	u := p.checkURL(field, az.Endpoint)
	if u == nil {
		return
	}
	if base, ok := strings.CutSuffix(u.Path, "/"+az.Container); ok && az.Container != "" && az.Container != az.StorageAccount {
		p.addInvalid(field, "has the container in it, which programs add themselves: write %s://%s%s", u.Scheme, u.Host, base)
		return
	}
	if r.cloud != nil {
		p.checkAzureHost(r, u)
	}
}

// checkAzureHost refuses a host of Azure's own that contradicts the account, the service or the cloud.
func (p *problems) checkAzureHost(r *Resolved, u *url.URL) {
	field, account := "spec.azure.endpoint", r.Spec.Azure.StorageAccount
	for i := range azureClouds {
		cloud := &azureClouds[i]
		name, ok := strings.CutSuffix("."+u.Hostname(), "."+cloud.suffix)
		if !ok {
			continue
		}
		first, rest, _ := strings.Cut(strings.TrimPrefix(name, "."), ".")
		switch {
		case cloud != r.cloud:
			p.addInvalid("spec.azure.cloud", "is %s, and the endpoint's host %s is in %s: set cloud: %s", r.cloud.name, u.Hostname(), cloud.name, cloud.name)
		case account == "": // Only a Secret knows it.
		case rest != "blob" && rest != "privatelink.blob":
			p.addInvalid(field, "%s is not the blob service of an account: write https://%s.blob.%s, or leave endpoint out", u.Hostname(), account, cloud.suffix)
		case first != account && first != account+"-secondary":
			p.addInvalid(field, "is the blob service of account %s, and storageAccount is %s: correct one of them, or leave endpoint out", first, account)
		}
	}
}
