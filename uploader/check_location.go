package uploader

import (
	"slices"
	"strings"
)

// Check returns the problems of a bucket of S3.
func (s S3) Check() []Problem {
	var k checker
	k.name("s3.bucket", s.Bucket)
	k.text("s3.region", s.Region)
	k.url("s3.endpoint", s.Endpoint)
	k.oneOf("s3.checksums", s.Checksums, "WhenSupported", "WhenRequired")
	k.auth("s3", &s.Auth)
	return k.problems
}

// Check returns the problems of a container of Azure.
func (a Azure) Check() []Problem {
	var k checker
	k.text("azure.account", a.Account)
	k.name("azure.container", a.Container)
	k.url("azure.endpoint", a.Endpoint)
	k.oneOf("azure.cloud", a.Cloud, "AzurePublic", "AzureUSGovernment", "AzureChina")
	k.auth("azure", &a.Auth)
	return k.problems
}

// Check returns the problems of a bucket of Google Cloud Storage.
func (g GCS) Check() []Problem {
	var k checker
	k.name("gcs.bucket", g.Bucket)
	k.text("gcs.projectID", g.ProjectID)
	k.url("gcs.endpoint", g.Endpoint)
	k.auth("gcs", &g.Auth)
	return k.problems
}

func (k *checker) auth(storeName string, a *Auth) {
	mode, ok := authMode(storeName, a.Mode)
	if !ok {
		var names []string
		for _, m := range AuthModes(storeName) {
			names = append(names, m.Name)
		}
		slices.Sort(names)
		k.add(storeName+".auth.mode", "is %q: write one of %s", a.Mode, strings.Join(names, ", "))
		return
	}
	for _, field := range a.fields() {
		name := storeName + ".auth." + field.name
		k.text(name, field.value)
		switch required := slices.Contains(mode.Required, field.name); {
		case required && field.value == "":
			k.add(name, "is missing: mode %s needs it", a.Mode)
		case field.value != "" && !required && !slices.Contains(mode.Optional, field.name):
			k.add(name, "is set: mode %s does not use it; remove it", a.Mode)
		}
	}
	k.file(storeName+".auth.tokenFile", a.TokenFile)
	k.file(storeName+".auth.file", a.File)
	k.file(storeName+".auth.secretsDirectory", a.SecretsDirectory)
	k.url(storeName+".auth.stsEndpoint", a.STSEndpoint)
	k.url(storeName+".auth.credentialsURL", a.CredentialsURL)
	k.url(storeName+".auth.authorityHost", a.AuthorityHost)
}
