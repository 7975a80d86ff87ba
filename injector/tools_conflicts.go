package injector

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// caConflict gathers which tools cannot live with AWS_CA_BUNDLE, and which not without.
type caConflict struct{ breaks, needs v1alpha1.Tool }

// put adds a variable once. Two tools that want it to say different things cannot be in one pod.
func (e *environment) put(env corev1.EnvVar, groups group) {
	if e.tool != "" { // The SDKs' own have no doubles.
		at := slices.IndexFunc(e.vars, func(v variable) bool { return v.Name == env.Name })
		if at >= 0 {
			if !e.vars[at].same(&env) {
				e.conflicts = append(e.conflicts, fmt.Sprintf("%s wants another value of %s than %s: use one of them in a pod",
					e.tool, env.Name, or(string(e.vars[at].tool), "the SDKs")))
			}
			return
		}
	}
	e.vars = append(e.vars, variable{
		EnvVar: env, groups: groups, tool: e.tool, refers: strings.Contains(env.Value, "$("),
	})
}

// needsCABundle says that the tool at hand takes the CA bundle from AWS_CA_BUNDLE.
func (e *environment) needsCABundle() { e.ca.needs = e.tool }

// breaksOnCABundle says that the tool at hand does not start where AWS_CA_BUNDLE is set: aws-sdk-go-v2 cannot add roots to
// an HTTP client that is not its own ("unable to add custom RootCAs HTTPClient", config/resolve.go). It takes Go's
// SSL_CERT_FILE.
func (e *environment) breaksOnCABundle() {
	e.ca.breaks = e.tool
	e.add("SSL_CERT_FILE", e.files.ca, 0)
}

// settleCABundle takes AWS_CA_BUNDLE back where a tool breaks on it.
func (e *environment) settleCABundle() {
	if e.ca.breaks == "" || e.files.ca == "" {
		return
	}
	if e.ca.needs != "" {
		e.conflicts = append(e.conflicts, fmt.Sprintf(
			"%s does not start where AWS_CA_BUNDLE is set, and %s reads the CA bundle from it: use one of them in a pod",
			e.ca.breaks, e.ca.needs))
	}
	e.vars = slices.DeleteFunc(e.vars, func(v variable) bool { return v.Name == "AWS_CA_BUNDLE" })
}
