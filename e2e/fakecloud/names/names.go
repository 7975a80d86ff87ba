package names

import (
	"net"
	"slices"
	"strings"
)

// Service is one of the clouds' services.
type Service string

// The services.
const (
	Entra       Service = "Entra ID"
	Blob        Service = "Azure Blob Storage"
	Exchange    Service = "Google Security Token Service"
	Credentials Service = "Google IAM Credentials"
	OAuth       Service = "Google OAuth"
	GCS         Service = "Google Cloud Storage"
	S3          Service = "Amazon S3"
	STS         Service = "AWS Security Token Service"
)

// name is a host name of a service.
type name struct {
	service Service
	host    string
	// below says what the labels in front of host are: a storage account or a bucket. Empty: there are none.
	below string
	// bare says that host is served by itself, too.
	bare bool
}

const (
	account = "account"
	buckets = "bucket"
)

// all is in the order public, US Government, China for Azure: https://learn.microsoft.com/azure/storage/common/storage-account-overview
// and https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud; for Amazon
// https://docs.aws.amazon.com/general/latest/gr/s3.html. Amazon's region is the only one that the store has.
var all = []name{
	{Entra, "login.microsoftonline.com", "", true},
	{Entra, "login.microsoftonline.us", "", true},
	{Entra, "login.partner.microsoftonline.cn", "", true},
	{Entra, "login.chinacloudapi.cn", "", true},
	{Blob, "blob.core.windows.net", account, false},
	{Blob, "blob.core.usgovcloudapi.net", account, false},
	{Blob, "blob.core.chinacloudapi.cn", account, false},
	{Exchange, "sts.googleapis.com", "", true},
	{Credentials, "iamcredentials.googleapis.com", "", true},
	{OAuth, "oauth2.googleapis.com", "", true},
	{GCS, "storage.googleapis.com", buckets, true},
	{S3, "s3.us-east-1.amazonaws.com", buckets, true},
	{S3, "s3.dualstack.us-east-1.amazonaws.com", buckets, true},
	{S3, "s3.amazonaws.com", buckets, true},
	{STS, "sts.us-east-1.amazonaws.com", "", true},
	{STS, "sts.amazonaws.com", "", true},
}

// Find returns the service to which a request's host belongs.
func Find(hostport string) (Service, bool) {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(host)
	i := slices.IndexFunc(all, func(n name) bool {
		return n.bare && host == n.host || n.below != "" && strings.HasSuffix(host, "."+n.host)
	})
	if i < 0 {
		return "", false
	}
	return all[i].service, true
}

// Certificate lists the names that a certificate for all services needs.
func Certificate() []string {
	var out []string
	for _, n := range all {
		if n.bare {
			out = append(out, n.host)
		}
		if n.below != "" {
			out = append(out, "*."+n.host)
		}
	}
	return out
}

// Hosts lists every name that has an address, which a hosts file must say one by one: it knows no wildcards.
func Hosts(storageAccounts, bucketNames []string) []string {
	var out []string
	labels := map[string][]string{account: storageAccounts, buckets: bucketNames}
	for _, n := range all {
		if n.bare {
			out = append(out, n.host)
		}
		for _, label := range labels[n.below] {
			out = append(out, label+"."+n.host)
		}
	}
	return out
}
