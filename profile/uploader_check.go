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
// renders the store and the identity as for a pod.
func (p *problems) checkUploader(spec *v1alpha1.CredentialProfileSpec, sound bool) {
	if spec.Uploader == nil {
		return
	}
	p.checkUploaderFields(spec.Uploader)
	c := UploaderConfig(spec.Uploader)
	c.Spool = cmp.Or(spec.Uploader.Path, "/spool") // A pod may name another.
	c.Completion = uploader.Completion(spec.Uploader.Completion)
	if seconds := spec.Uploader.DrainTimeoutSeconds; seconds != nil {
		c.DrainTimeoutSeconds = *seconds
	}
	if !sound {
		for _, problem := range c.CheckSettings() {
			p.invalid("%s: %s", cmp.Or(fieldsOfProfile[problem.Field], "spec.uploader."+problem.Field), problem.Message)
		}
		return
	}
	e := NewEnvironment(spec)
	e.Files = e.exampleFiles()
	_, c.Prefix = e.Store.Location(spec)
	e.ConfigureUploader(&c)
	*p = append(*p, e.UploaderProblems(&c)...)
}

// checkUploaderFields finds what is wrong with the fields of which the uploader itself knows nothing.
func (p *problems) checkUploaderFields(u *v1alpha1.Uploader) {
	if u.Identity != "" && u.Identity != IdentityOfUploader && u.Identity != IdentityOfContainers {
		p.invalid("spec.uploader.identity: is %q: write %s or %s", u.Identity, IdentityOfUploader, IdentityOfContainers)
	}
	if port := u.MetricsPort; port != nil && (*port < 1 || *port > 65535) {
		p.invalid("spec.uploader.metricsPort: is %d: write a port from 1 to 65535, or leave it out for no metrics", *port)
	}
}

// exampleFiles returns paths for the files that a pod would get; which paths they are does not decide anything.
func (e *Environment) exampleFiles() Files {
	var files Files
	if e.Mode.Audience != nil {
		files.Token = "/token"
	}
	if e.Mode.ConfigFile != nil || (e.Mode.File != nil && e.Mode.File(e.Spec) != nil) {
		files.Credentials = "/credentials"
	}
	if len(uploader.SecretVariables(e.Store.Name, e.Mode.Name)) > 0 {
		files.Keys = "/keys"
	}
	if e.Spec.CABundle != nil {
		files.CA = "/ca"
	}
	return files
}

// UploaderProblems returns the problems of the uploader's configuration, by the fields of the profile.
func (e *Environment) UploaderProblems(c *uploader.Config) []Problem {
	modes := uploader.AuthModes(e.Store.Name)
	if !slices.ContainsFunc(modes, func(m uploader.AuthMode) bool { return m.Name == e.Mode.Name }) {
		return []Problem{{Unsupported: true, Message: fmt.Sprintf(
			"spec.%s.auth.%s: the uploader cannot use this auth mode: use %s, or no uploader",
			e.Store.Name, e.Mode.Name, namesOf(modes))}}
	}
	var found []Problem
	for _, problem := range c.Check() {
		found = append(found, Problem{Message: e.fieldOf(problem.Field) + ": " + problem.Message})
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
	"azure.account": "spec.azure.storageAccount",
	"caFile":        "spec.caBundle",
	"profile":       "metadata.name",
	"spool":         "spec.uploader.path",
}

// fieldOf returns the profile's field for one of the uploader's configuration.
func (e *Environment) fieldOf(field string) string {
	if name, ok := fieldsOfProfile[field]; ok {
		return name
	}
	if of, ok := strings.CutPrefix(field, e.Store.Name+".auth."); ok {
		return fmt.Sprintf("spec.%s.auth.%s.%s", e.Store.Name, e.Mode.Name, of)
	}
	if strings.HasPrefix(field, e.Store.Name+".") {
		return "spec." + field
	}
	if field == "prefix" {
		return "spec." + e.Store.Name + ".prefix"
	}
	return "spec.uploader." + field
}
