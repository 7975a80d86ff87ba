package profile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// caConflict gathers which tools cannot live with AWS_CA_BUNDLE, and which not without.
type caConflict struct{ breaks, needs v1alpha1.Tool }

// appendVar adds a variable once. Two tools that need different values of it cannot be in one pod.
func (e *Environment) appendVar(env corev1.EnvVar, groups Group) {
	if e.row.hasPlace(env.Name) && e.omitsPlaces() {
		return
	}
	archive := e.row.hasArchive(env.Name)
	if d := e.row; d != nil {
		if d.rename != nil {
			env.Name = d.rename(env.Name)
		}
		groups |= d.groups[env.Name]
		// Where the profile leaves the place out, the container has it, and the identity is for it.
		if d.prefix != "" && strings.HasPrefix(env.Name, d.prefix) && !e.omitsPlaces() {
			groups |= d.repository
		}
	}
	if e.tool != "" { // The SDKs' own have no doubles.
		at := slices.IndexFunc(e.Vars, func(v Variable) bool { return v.Name == env.Name })
		if at >= 0 {
			if !e.Vars[at].Equals(&env) {
				e.conflicts = append(e.conflicts, fmt.Sprintf("%s wants another value of %s than %s: use one of them in a pod",
					e.tool, env.Name, cmp.Or(string(e.Vars[at].tool), "the SDKs")))
			}
			return
		}
	}
	e.Vars = append(e.Vars, Variable{
		EnvVar: env, Groups: groups, tool: e.tool, HasReference: strings.Contains(env.Value, "$("),
		NamesArchive: archive,
	})
}

// needsCABundle records that the tool at hand takes the CA bundle from AWS_CA_BUNDLE.
func (e *Environment) needsCABundle() { e.ca.needs = e.tool }

// breaksOnCABundle records that the tool at hand does not start where AWS_CA_BUNDLE is set: aws-sdk-go-v2 cannot add roots to
// an HTTP client that is not its own ("unable to add custom RootCAs HTTPClient", config/resolve.go). It takes Go's
// SSL_CERT_FILE.
func (e *Environment) breaksOnCABundle() {
	e.ca.breaks = e.tool
	e.addVar("SSL_CERT_FILE", e.Files.CA, 0)
}

// settleRoles finds tools that cannot both act as the second role.
func (e *Environment) settleRoles() {
	if e.roles.needs != "" && e.roles.takes != "" {
		e.conflicts = append(e.conflicts, fmt.Sprintf(
			"%s reads the first role of webIdentity.assumeRole from AWS_ROLE_ARN, and %s would act as that one, and not as the second: use one of them in a pod",
			e.roles.needs, e.roles.takes))
	}
}

// settleCABundle takes AWS_CA_BUNDLE back where a tool breaks on it.
func (e *Environment) settleCABundle() {
	if e.ca.breaks == "" || e.Files.CA == "" {
		return
	}
	if e.ca.needs != "" {
		e.conflicts = append(e.conflicts, fmt.Sprintf(
			"%s does not start where AWS_CA_BUNDLE is set, and %s reads the CA bundle from it: use one of them in a pod",
			e.ca.breaks, e.ca.needs))
	}
	e.Vars = slices.DeleteFunc(e.Vars, func(v Variable) bool { return v.Name == "AWS_CA_BUNDLE" })
}
