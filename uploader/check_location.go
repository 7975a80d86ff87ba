package uploader

import (
	"slices"
	"strings"
)

// Check returns the problems of a bucket of S3.
func (s S3) Check() []Problem {
	var k checker
	k.checkName("s3.bucket", s.Bucket)
	k.checkText("s3.region", s.Region)
	k.checkURL("s3.endpoint", s.Endpoint)
	k.checkOneOf("s3.checksums", s.Checksums, "WhenSupported", "WhenRequired")
	k.checkRange("s3.maxParts", int64(s.MaxParts), 10_000)
	k.checkAuth("s3", &s.Auth)
	return k.problems
}

// Check returns the problems of a container of Azure.
func (a Azure) Check() []Problem {
	var k checker
	k.checkText("azure.account", a.Account)
	k.checkName("azure.container", a.Container)
	k.checkURL("azure.endpoint", a.Endpoint)
	k.checkOneOf("azure.cloud", a.Cloud, "AzurePublic", "AzureUSGovernment", "AzureChina", "Other")
	k.checkText("azure.suffix", a.Suffix)
	if (a.Cloud == "Other") != (a.Suffix != "") {
		k.addProblem("azure.suffix", "is for cloud Other, which needs it: write both or neither")
	}
	k.checkAuth("azure", &a.Auth)
	return k.problems
}

// Check returns the problems of a bucket of Google Cloud Storage.
func (g GCS) Check() []Problem {
	var k checker
	k.checkName("gcs.bucket", g.Bucket)
	k.checkText("gcs.projectID", g.ProjectID)
	k.checkURL("gcs.endpoint", g.Endpoint)
	k.checkAuth("gcs", &g.Auth)
	return k.problems
}

func (k *checker) checkAuth(storeName string, a *Auth) {
	mode, ok := findAuthMode(storeName, a.Mode)
	if !ok {
		var names []string
		for _, m := range AuthModes(storeName) {
			names = append(names, m.Name)
		}
		slices.Sort(names)
		k.addProblem(storeName+".auth.mode", "is %q: write one of %s", a.Mode, strings.Join(names, ", "))
		return
	}
	for _, field := range a.namedFields() {
		name := storeName + ".auth." + field.name
		k.checkText(name, field.value)
		switch required := slices.Contains(mode.Required, field.name); {
		case required && field.value == "":
			k.addProblem(name, "is missing: mode %s needs it", a.Mode)
		case field.value != "" && !required && !slices.Contains(mode.Optional, field.name):
			k.addProblem(name, "is set: mode %s does not use it; remove it", a.Mode)
		}
	}
	k.checkFile(storeName+".auth.tokenFile", a.TokenFile)
	k.checkFile(storeName+".auth.file", a.File)
	k.checkFile(storeName+".auth.secretsDirectory", a.SecretsDirectory)
	k.checkURL(storeName+".auth.stsEndpoint", a.STSEndpoint)
	k.checkURL(storeName+".auth.credentialsURL", a.CredentialsURL)
	k.checkURL(storeName+".auth.authorityHost", a.AuthorityHost)
	k.checkTokenProxy(storeName, a)
}

// checkTokenProxy checks that what belongs to a token proxy is there together, and that the pod's token reaches it by TLS.
func (k *checker) checkTokenProxy(storeName string, a *Auth) {
	field := storeName + ".auth.tokenProxy"
	k.checkURL(field, a.TokenProxy)
	k.checkFile(field+"CA", a.TokenProxyCA)
	switch {
	case a.TokenProxy == "" && a.SNIName+a.TokenProxyCA != "":
		k.addProblem(field, "is missing: sniName and tokenProxyCA are those of a token proxy")
	case a.TokenProxy != "" && !strings.HasPrefix(a.TokenProxy, "https://"):
		k.addProblem(field, "must be an https URL: the pod's token is sent there")
	case a.TokenProxy != "" && a.TokenProxyCA == "":
		k.addProblem(field+"CA", "is missing: the token proxy's certificate is of the cluster's own authority")
	}
}
