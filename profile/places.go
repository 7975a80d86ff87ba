package profile

import (
	"fmt"
	"slices"
	"strings"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// hasArchive reports whether a variable of the row holds the place of the tool's archive.
func (d *dialect) hasArchive(name string) bool { return d != nil && slices.Contains(d.archives, name) }

// hasPlace reports whether a variable of the row is a part of the location of the tool's archive.
func (d *dialect) hasPlace(name string) bool {
	return d != nil && (slices.Contains(d.archives, name) || slices.Contains(d.places, name))
}

// omitsPlaces reports whether the tools get the identity alone.
func (r *Resolved) omitsPlaces() bool {
	o := r.Spec.ToolOptions
	return o != nil && o.Location == v1alpha1.ToolLocationOmit
}

// SharingWarning returns a sentence, which begins with the field, on the tools that get one archive for all workloads of the
// profile; empty: there are none. clusterWide: it is a cluster profile.
//
// A cluster profile serves more than one workload, and so does one of a namespace, which every pod there may name, unless
// allowedServiceAccounts has one account, and not the one that pods have by default. Only {workload} and {pod} tell two workloads
// apart, and in a cluster profile {namespace} beside them, for another namespace may have the same names.
func (r *Resolved) SharingWarning(clusterWide bool) string {
	if r.Store == nil || r.omitsPlaces() || !clusterWide && r.servesOneAccount() {
		return ""
	}
	tools := r.archivingTools()
	if tools == "" {
		return ""
	}
	missing := r.missingPlaceholders(clusterWide)
	if missing == "" {
		return ""
	}
	who := "the pods of all workloads"
	if missing == inOtherNamespace {
		who = "workloads of one name in two namespaces"
	}
	return fmt.Sprintf("%s: %s get the same place, %s, for the archive of %s: add %s to it, or set toolOptions.location to Omit if something else sets the location of the archive",
		r.PrefixField(), who, r.URL(), tools, missing)
}

// inOtherNamespace is missing where a cluster profile tells the workloads of one namespace apart.
const inOtherNamespace = "{namespace}"

// missingPlaceholders returns what the prefix lacks that tells the workloads of the profile apart; empty: it lacks nothing.
func (r *Resolved) missingPlaceholders(clusterWide bool) string {
	isApart := r.hasPlaceholder(PlaceholderWorkload, PlaceholderPod)
	inNamespace := !clusterWide || r.hasPlaceholder(PlaceholderNamespace)
	switch {
	case isApart && inNamespace:
		return ""
	case isApart:
		return inOtherNamespace
	case inNamespace:
		return "{workload}"
	}
	return "{namespace}/{workload}"
}

// servesOneAccount reports whether the pods of one service account only, other than the default one, may use the profile.
func (r *Resolved) servesOneAccount() bool {
	allowed := r.Spec.AllowedServiceAccounts
	return len(allowed) == 1 && allowed[0] != "default"
}

// archivingTools lists the tools with an archive, and what each does to one that is shared; empty: none has one.
func (r *Resolved) archivingTools() string {
	var tools []string
	for _, d := range r.dialects {
		if d != nil && len(d.archives) > 0 {
			tools = append(tools, string(d.name)+", which "+d.sharing)
		}
	}
	return strings.Join(tools, ", and of ")
}
