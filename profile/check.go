package profile

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// Problem is a reason for which a profile cannot be used.
type Problem struct {
	// Unsupported: the field is good, but this version does not act on it.
	Unsupported bool
	// Message names the field and the cure.
	Message string
}

// Cluster is what the cluster and Lighterman's installation in it have for profiles.
type Cluster struct {
	// ClusterTrustBundles: the cluster serves them. False: profiles that name one cannot be used.
	ClusterTrustBundles bool
	// APIAudiences are audiences of the API server besides those that every profile must not name: profiles that ask for a
	// token with one of them cannot be used.
	APIAudiences []string
	// NoServiceAccountAnnotations: Lighterman annotates no service account. Profiles that ask for it cannot be used.
	NoServiceAccountAnnotations bool
}

// Use is how a pod uses a profile.
type Use struct {
	// Tools are those that the pod names in place of the profile's, and ToolsField is where, for messages; empty: the
	// profile's own.
	Tools      []v1alpha1.Tool
	ToolsField string
	// Namespace and ServiceAccount are the pod's, for commands in messages.
	Namespace, ServiceAccount string
}

// Check returns every problem of a profile; none means that pods can be injected with it. What the CRD's own rules
// refuse is checked again only where the injector would otherwise build nonsense: a profile may come from a file.
func Check(spec *v1alpha1.CredentialProfileSpec, cluster Cluster) []Problem {
	return CheckUse(spec, Use{Tools: spec.Tools, Namespace: "<namespace>", ServiceAccount: "<name>"}, cluster)
}

// CheckUse returns every problem of a profile for a pod that uses it.
func CheckUse(spec *v1alpha1.CredentialProfileSpec, use Use, cluster Cluster) []Problem {
	var p problems
	p.checkTexts(spec)
	p.checkStore(spec)
	p.checkAudience(spec, &cluster)
	sound := len(p) == 0
	if sound { // Else what the tools would be told makes no sense.
		p.checkTools(spec, use.Tools, use.ToolsField)
	}
	p.checkCABundle(spec, cluster)
	p.checkUploader(spec, sound)
	p.checkEnv(spec)
	p.checkSelector(spec.Selector)
	if seconds := spec.TokenExpirationSeconds; seconds != nil && (*seconds < 600 || *seconds > 86400) {
		p.invalid("spec.tokenExpirationSeconds: %d is out of range: choose 600 to 86400", *seconds)
	}
	return append(p, checkAnnotations(spec, cluster, use.Namespace, use.ServiceAccount)...)
}

// problems collects what Check finds.
type problems []Problem

// cannot adds what is understood, and cannot be done.
func (p *problems) cannot(format string, args ...any) {
	*p = append(*p, Problem{Unsupported: true, Message: fmt.Sprintf(format, args...)})
}

func (p *problems) invalid(format string, args ...any) {
	*p = append(*p, Problem{Message: fmt.Sprintf(format, args...)})
}

func (p *problems) checkStore(spec *v1alpha1.CredentialProfileSpec) {
	if n := count(spec.S3 != nil, spec.Azure != nil, spec.GCS != nil); n != 1 {
		p.invalid("spec: %d stores are set: set exactly one of s3, azure and gcs", n)
	}
	for i := range stores {
		if stores[i].isSet(spec) {
			stores[i].check(p, spec)
			p.checkMode(&stores[i], spec)
		}
	}
}

// checkMode checks that a store has exactly one auth mode, and what that one needs.
func (p *problems) checkMode(s *Store, spec *v1alpha1.CredentialProfileSpec) {
	var used *Mode
	n := 0
	for i := range s.modes {
		if s.modes[i].isSet(spec) {
			used = &s.modes[i]
			n++
		}
	}
	switch {
	case n != 1:
		p.invalid("spec.%s.auth: %d modes are set: set exactly one of %s", s.Name, n, s.modeNames())
	case used.check != nil:
		used.check(p, spec)
	}
}

// modeNames lists the store's auth modes.
func (s *Store) modeNames() string {
	names := make([]string, len(s.modes))
	for i := range s.modes {
		names[i] = s.modes[i].Name
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func (p *problems) required(field, value string) {
	if value == "" {
		p.invalid("%s: is required", field)
	}
}

func (p *problems) checkKeyRef(field string, ref *v1alpha1.KeyRef) {
	if ref.Name == "" || ref.Key == "" {
		p.invalid("%s: needs the name of a Secret and the key in it", field)
	}
}

func (p *problems) checkCABundle(spec *v1alpha1.CredentialProfileSpec, cluster Cluster) {
	ca := spec.CABundle
	if ca == nil {
		return
	}
	if bundle := ca.ClusterTrustBundle; bundle != nil {
		if !cluster.ClusterTrustBundles {
			p.cannot("spec.caBundle.clusterTrustBundle: this cluster serves no ClusterTrustBundles (certificates.k8s.io/v1beta1 or v1): use configMap or secret")
		}
		if (bundle.Name == "") == (bundle.SignerName == "") {
			p.invalid("spec.caBundle.clusterTrustBundle: set exactly one of name and signerName")
		}
	}
	if n := count(ca.ConfigMap != nil, ca.Secret != nil, ca.ClusterTrustBundle != nil); n != 1 {
		p.invalid("spec.caBundle: %d sources are set: set exactly one of configMap, secret and clusterTrustBundle", n)
	}
	if (ca.ConfigMap != nil && ca.ConfigMap.Name == "") || (ca.Secret != nil && ca.Secret.Name == "") {
		p.invalid("spec.caBundle: needs the name of the ConfigMap or the Secret")
	}
}

// The bounds of spec.env, as the CRD has them. Each container gets its own copy: with 32 KiB the patch of a pod with 30
// containers stays below what etcd stores.
const (
	maxEnvVars  = 64
	maxEnvBytes = 32 << 10
)

// isVariableName is the CRD's rule.
var isVariableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkEnv refuses literals that would contradict each other, or what the profile injects anyway.
func (p *problems) checkEnv(spec *v1alpha1.CredentialProfileSpec) {
	seen := make(map[string]bool, len(spec.Env))
	size := 0
	for i := range spec.Env {
		name := spec.Env[i].Name
		size += len(name) + len(spec.Env[i].Value)
		if seen[name] {
			p.invalid("spec.env[%d].name: %s is there twice: remove one", i, name)
		}
		seen[name] = true
		g := groupsByVariable[name]
		if s := storeOf(spec); s != nil {
			g &= s.groups // Another cloud's variables are the profile's own business.
		}
		switch {
		case name == "" || spec.Env[i].Value == "":
			p.invalid("spec.env[%d]: needs a name and a value: some tools take an empty variable for a setting", i)
		case len(name) >= len(ReservedPrefix) && name[:len(ReservedPrefix)] == ReservedPrefix:
			p.invalid("spec.env[%d].name: %s is set by Lighterman itself: choose another name", i, name)
		case !isVariableName.MatchString(name):
			p.invalid("spec.env[%d].name: %q must be the name of a variable: letters, digits and _, not beginning with a digit", i, name)
		case refusedEffect(name) != "":
			p.invalid("spec.env[%d].name: %s %s, and a profile must not: set it in the container itself", i, name, refusedEffect(name))
		case strings.ContainsFunc(spec.Env[i].Value, isControlInValue):
			p.invalid("spec.env[%d].value: contains a control character other than tab and line breaks: remove it", i)
		case g != 0:
			p.invalid("spec.env[%d].name: %s is one of the variables by which the profile's own fields say %s: remove it, and use those fields", i, name, groupNames[g])
		}
	}
	if len(spec.Env) > maxEnvVars || size > maxEnvBytes {
		p.invalid("spec.env: has %d variables with %d bytes: write at most %d with %d bytes of names and values together, for each container of a pod gets its own copy",
			len(spec.Env), size, maxEnvVars, maxEnvBytes)
	}
}

// isControlInValue reports whether a value must not have the character: programs read lines and tabs, and a zero byte ends a value.
func isControlInValue(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r'
}

// checkSelector refuses what would select nothing, or cannot be evaluated: the API server does not look into label
// selectors of custom resources.
func (p *problems) checkSelector(s *v1alpha1.PodSelector) {
	if s == nil {
		return
	}
	if s.PodSelector == nil && len(s.ServiceAccounts) == 0 {
		p.invalid("spec.selector: selects nothing: set podSelector or serviceAccounts")
	}
	if _, err := metav1.LabelSelectorAsSelector(s.PodSelector); err != nil {
		p.invalid("spec.selector.podSelector: %v", err)
	}
}

func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}
