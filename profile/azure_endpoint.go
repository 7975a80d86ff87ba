package profile

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
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
	base, hasContainer := strings.CutSuffix(u.Path, "/"+az.Container)
	if hasContainer && az.Container != "" && az.Container != az.StorageAccount {
		p.addInvalid(field, "has the container in it, which programs add themselves: write %s://%s%s", u.Scheme, u.Host, base)
		return
	}
	if r.cloud != nil {
		p.checkAzureHost(r, u)
	}
}

// hasCustomEndpoint reports whether the blob service is at another URL than the cloud's own for the account.
func (r *Resolved) hasCustomEndpoint() bool {
	az := r.Spec.Azure
	return az.Endpoint != "" && r.azureEndpoint() != "https://"+azureAccount(az)+".blob."+r.cloud.suffix
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
			p.addInvalid("spec.azure.cloud", "is %s, and the endpoint's host %s is in %s: set cloud: %s",
				r.cloud.name, u.Hostname(), cloud.name, cloud.name)
		case account == "": // Only a Secret knows it.
		case rest != "blob" && rest != "privatelink.blob":
			p.addInvalid(field, "%s is not the blob service of an account: write https://%s.blob.%s, or leave endpoint out", u.Hostname(), account, cloud.suffix)
		case first != account && first != account+"-secondary":
			p.addInvalid(field, "is the blob service of account %s, and storageAccount is %s: correct one of them, or leave endpoint out", first, account)
		}
	}
}

// isDomain is the CRD's rule.
var isDomain = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)

// checkAzureCloud finds what is wrong with the cloud, and what the auth mode needs of another than Microsoft's.
func (p *problems) checkAzureCloud(r *Resolved) {
	az, other := r.Spec.Azure, r.Spec.Azure.OtherCloud
	switch {
	case r.cloud == nil:
		p.addInvalid("spec.azure.cloud", "%q is not a cloud: use AzurePublic, AzureUSGovernment or AzureChina, and Other with otherCloud for another", az.Cloud)
	case (other != nil) != (r.cloud.name == v1alpha1.AzureCloudOther):
		p.addInvalid("spec.azure.otherCloud", "is required with cloud: Other, and not used with another")
	case other == nil:
	case !isDomain.MatchString(other.StorageSuffix):
		p.addInvalid("spec.azure.otherCloud.storageSuffix", "must be a domain in lower case, for example local.azurestack.external")
	case other.AuthorityHost != "":
		p.checkTokenURL("spec.azure.otherCloud.authorityHost", other.AuthorityHost)
	case az.Auth.ServicePrincipal != nil, az.Auth.WorkloadIdentity != nil && az.Auth.WorkloadIdentity.AuthorityHost == "":
		p.addInvalid("spec.azure.otherCloud.authorityHost", "is required with this auth mode, which asks the cloud's Entra ID for a token")
	}
}

// warnInstanceDiscovery returns what the libraries of tools do with the authority of another cloud.
func (r *Resolved) warnInstanceDiscovery() string {
	az := r.Spec.Azure
	if az == nil || az.OtherCloud == nil || r.Mode == nil || !slices.Contains(asksAuthority, r.Mode.Name) {
		return ""
	}
	return "spec.azure.otherCloud: tokens are asked for https://storage.azure.com, and programs other than the uploader and rclone first ask login.microsoft.com about an authority that they do not know: where the cloud has not both, use accountKey or sasToken"
}

// asksAuthority are the auth modes in which a program asks Entra ID itself. azidentity v1.15.0 has DisableInstanceDiscovery, which
// restic 0.19.1, kopia 0.23.1, WAL-G 3.0.9, litestream 0.5.18 and Velero (d30d389b) do not set.
var asksAuthority = []string{"workloadIdentity", "servicePrincipal", "default"}
