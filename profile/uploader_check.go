package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/uploader"
)

// checkUploader finds what the uploader would refuse, before there is a pod. Where the rest of the profile has no problem, it
// looks at the store and the identity, too.
func (p *problems) checkUploader(r *Resolved, sound bool) {
	spec := r.Spec.Uploader
	if spec == nil {
		return
	}
	p.checkUploaderFields(spec)
	if why := r.findBucketRefusal(false); why != "" {
		p.addUnsupported("spec.uploader", "the uploader cannot be used with this bucket: %s", why)
	}
	c := UploaderConfig(spec)
	c.Spool = cmp.Or(spec.Path, "/spool") // A pod may name another.
	c.Completion = uploader.Completion(spec.Completion)
	if seconds := spec.DrainTimeoutSeconds; seconds != nil {
		c.DrainTimeoutSeconds = *seconds
	}
	if !sound {
		for _, problem := range c.CheckSettings() {
			p.addInvalid(cmp.Or(fieldsOfProfile[problem.Field], "spec.uploader."+problem.Field), "%s", problem.Message)
		}
		return
	}
	e := Environment{Resolved: *r, Files: r.exampleFiles()}
	c.Prefix = r.UploaderPrefix()
	e.ConfigureUploader(&c)
	*p = append(*p, e.UploaderProblems(&c)...)
}

// checkUploaderFields finds what is wrong with the fields of which the uploader itself knows nothing.
func (p *problems) checkUploaderFields(u *v1alpha1.Uploader) {
	if u.Identity != "" && u.Identity != IdentityOfUploader && u.Identity != IdentityOfContainers {
		p.addInvalid("spec.uploader.identity", "is %q: write %s or %s", u.Identity, IdentityOfUploader, IdentityOfContainers)
	}
	if port := u.MetricsPort; port != nil && (*port < 1 || *port > 65535) {
		p.addInvalid("spec.uploader.metricsPort", "is %d: write a port from 1 to 65535, or leave it out for no metrics", *port)
	}
}

// exampleFiles returns paths for the files that a pod would get; which paths they are does not decide anything.
func (r *Resolved) exampleFiles() Files {
	var files Files
	if r.HasToken() {
		files.Token = "/token"
	}
	if r.CredentialsFile() != "" {
		files.Credentials = "/credentials"
	}
	if r.Mode != nil && len(uploader.SecretVariables(r.Store.Name, r.Mode.Name)) > 0 {
		files.Keys = "/keys"
	}
	if r.Spec.CABundle != nil {
		files.CA = "/ca"
	}
	if r.IssuerCA() != nil {
		files.IssuerCA = "/issuer-ca"
	}
	return files
}

// UploaderProblems returns the problems of the uploader's configuration, by the fields of the profile.
func (e *Environment) UploaderProblems(c *uploader.Config) []Problem {
	modes := uploader.AuthModes(e.Store.Name)
	if !slices.ContainsFunc(modes, func(m uploader.AuthMode) bool { return m.Name == e.Mode.Name }) {
		return []Problem{{
			Field:   "spec." + e.Store.Name + ".auth." + e.Mode.Name,
			Message: "the uploader cannot use this auth mode: use " + namesOf(modes) + ", or no uploader", Unsupported: true,
		}}
	}
	var found []Problem
	for _, problem := range c.Check() {
		found = append(found, Problem{Field: e.fieldOf(problem.Field), Message: problem.Message})
	}
	return found
}

// namesOf returns the names of auth modes for people.
func namesOf(modes []uploader.AuthMode) string {
	if len(modes) == 0 {
		return "another store"
	}
	names := make([]string, len(modes))
	for i := range modes {
		names[i] = modes[i].Name
	}
	return "one of " + strings.Join(names, ", ")
}

// fieldsOfProfile are the fields of the uploader's configuration that have another name in the profile.
var fieldsOfProfile = map[string]string{
	"azure.account":         "spec.azure.storageAccount",
	"s3.auth.assumeRoleARN": assumeRoleField + ".roleARN",
	"s3.auth.externalID":    assumeRoleField + ".externalID",
	"s3.auth.sessionName":   assumeRoleField + ".sessionName",
	"caFile":                "spec.caBundle",
	"profile":               "metadata.name",
	"spool":                 "spec.uploader.path",
}

// fieldOf returns the profile's field for one of the uploader's configuration.
func (r *Resolved) fieldOf(field string) string {
	if name, ok := fieldsOfProfile[field]; ok {
		return name
	}
	if of, ok := strings.CutPrefix(field, r.Store.Name+".auth."); ok {
		return fmt.Sprintf("spec.%s.auth.%s.%s", r.Store.Name, r.Mode.Name, of)
	}
	if strings.HasPrefix(field, r.Store.Name+".") {
		return "spec." + field
	}
	if field == "prefix" {
		return "spec." + r.Store.Name + ".prefix"
	}
	return "spec.uploader." + field
}
