package profile

import (
	"regexp"
	"slices"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/uploader"
)

// Placeholder is a name that stands in braces in a prefix for what is known of a pod only.
type Placeholder string

// The placeholders of a prefix.
const (
	PlaceholderNamespace      Placeholder = "namespace"
	PlaceholderServiceAccount Placeholder = "serviceAccount"
	// PlaceholderWorkload stands for the stable name of what the pod belongs to.
	PlaceholderWorkload Placeholder = "workload"
	PlaceholderPod      Placeholder = "pod"
)

// writePlaceholders is the cure where a prefix has something else.
const writePlaceholders = "write {namespace}, {serviceAccount}, {workload} or {pod}"

// placeholderPattern matches a prefix that has no other braces, and withShellBrace is what it must not have beside: two dollar
// signs in a row would make text of a reference. The CRD's rule on the fields named prefix has the same two.
const (
	withShellBrace     = "${"
	placeholderPattern = `^([^{}]|[{](namespace|serviceAccount|workload|pod)[}])*$`
)

var (
	hasKnownPlaceholders = regexp.MustCompile(placeholderPattern)
	anyPlaceholder       = regexp.MustCompile(`[{][a-zA-Z]+[}]`)
)

// isTemplate reports whether every brace of a prefix belongs to a placeholder.
func isTemplate(prefix string) bool {
	return hasKnownPlaceholders.MatchString(prefix) && !strings.Contains(prefix, withShellBrace)
}

// MaxPrefix is the length of the longest prefix in bytes, with and without placeholders.
const MaxPrefix = 512

// PodNameReference stands in a prefix for the name of a pod that gets its name after its admission: a reference to the
// variable that is injected before all others.
const PodNameReference = "$(" + uploader.EnvPodName + ")"

// PrefixField returns the name of the prefix's field, for messages.
func (r *Resolved) PrefixField() string { return "spec." + r.Store.Name + ".prefix" }

// HasPlaceholders reports whether the prefix is to be filled in for a pod.
func (r *Resolved) HasPlaceholders() bool { return strings.IndexByte(r.prefix, '{') >= 0 }

// hasPlaceholder reports whether the prefix as it is written has one of the placeholders.
func (r *Resolved) hasPlaceholder(names ...Placeholder) bool {
	_, template := r.Store.Location(r.Spec)
	return slices.ContainsFunc(names, func(name Placeholder) bool {
		return strings.Contains(template, "{"+string(name)+"}")
	})
}

// FillPrefix replaces each placeholder of the prefix by its value. A placeholder that does not exist stays: Check finds it.
func (r *Resolved) FillPrefix(valueOf func(Placeholder) (string, error)) error {
	if !isTemplate(r.prefix) {
		return nil
	}
	var failed error
	r.prefix = anyPlaceholder.ReplaceAllStringFunc(r.prefix, func(text string) string {
		value, err := valueOf(Placeholder(strings.Trim(text, "{}")))
		if err != nil && failed == nil {
			failed = err
		}
		return value
	})
	return failed
}

// UploaderPrefix returns the prefix for the uploader, which knows the name of its pod itself.
func (r *Resolved) UploaderPrefix() string {
	return strings.ReplaceAll(r.prefix, PodNameReference, uploader.PodPlaceholder)
}

// HasPodName reports whether the prefix refers to the variable with the pod's name.
func (r *Resolved) HasPodName() bool { return strings.Contains(r.prefix, PodNameReference) }

// checkPrefix refuses a prefix with braces that are no placeholder.
func (p *problems) checkPrefix(s *Store, spec *v1alpha1.CredentialProfileSpec) {
	_, template := s.Location(spec)
	if strings.ContainsAny(template, "{}") && !isTemplate(template) {
		p.addInvalid("spec."+s.Name+".prefix",
			"is %q, with a brace that belongs to no placeholder: %s", template, writePlaceholders)
	}
}

// addPodName adds the variable to which the prefix refers for the pod's name.
func (e *Environment) addPodName() {
	if e.HasPodName() {
		e.addField(uploader.EnvPodName, "metadata.name")
	}
}
