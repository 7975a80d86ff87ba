package profile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// Problem is a reason for which a profile cannot be used.
type Problem struct {
	// Field is the field of the profile, or the annotation of the pod, that is to be changed: spec.env[2].name.
	Field string
	// Message is a sentence that says what is wrong with the field, and the cure.
	Message string
	// Unsupported: the field is good, but this version does not act on it.
	Unsupported bool
}

// String returns the field and the message.
func (p Problem) String() string { return p.Field + ": " + p.Message }

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
	// ToolsField is where the tools are named, for messages; empty: in the profile.
	ToolsField string
	// Namespace and ServiceAccount are the pod's, for commands in messages.
	Namespace, ServiceAccount string
	// Files are the paths of the profile's files as the pod's programs write them.
	Files Files
}

// Check returns every problem of a profile; none means that pods can be injected with it.
//
// Each rule has one place. The CRD's schema and its CEL rules have the shape of a field: the pattern of a name, lengths, items that are
// there twice, exactly one of several fields. Check has what they cannot express, such as what a tool can use or the cluster has. It
// repeats those of the CRD's rules without which a profile would mean something else than its author wrote: an older version of the CRD,
// under which a profile was stored, may not have had them. uploader.Config.Check has what the sidecar cannot work with:
// Check asks it, and names the profile's field.
func Check(spec *v1alpha1.CredentialProfileSpec, cluster Cluster) []Problem {
	r := Resolve(spec)
	return r.Check(cluster)
}

// Check returns every problem of the profile; none means that pods can be injected with it.
func (r *Resolved) Check(cluster Cluster) []Problem {
	_, problems := r.Render(Use{Namespace: "<namespace>", ServiceAccount: "<name>", Files: r.exampleFiles()}, cluster)
	return problems
}

// Render returns what the profile injects into a pod that uses it, and every problem of the profile for such a pod. Where there
// is a problem, the environment is of no use.
func (r *Resolved) Render(use Use, cluster Cluster) (Environment, []Problem) {
	var made struct { // One allocation for both.
		environment Environment
		problems    problems
	}
	e, p := &made.environment, &made.problems
	e.Resolved, e.Files = *r, use.Files
	rows := &e.Resolved // The caller's stays on its stack.
	p.checkTexts(rows.Spec)
	p.checkStore(rows)
	p.checkAudience(rows, &cluster)
	sound := len(*p) == 0
	if sound { // Else what is rendered makes no sense.
		p.checkTools(rows, use.ToolsField)
		if len(*p) > 0 {
			e.dialects = rows.usableDialects()
		}
		e.addAll()
		p.checkConflicts(e, use.ToolsField)
	}
	p.checkCABundle(rows.Spec, &cluster)
	p.checkUploader(rows, sound)
	p.checkEnv(rows)
	p.checkProxy(rows.Spec)
	p.checkToolOptions(rows.Spec)
	p.checkSelector(rows.Spec.Selector)
	if seconds := rows.Spec.TokenExpirationSeconds; seconds != nil && (*seconds < 600 || *seconds > 86400) {
		p.addInvalid("spec.tokenExpirationSeconds", "%d is out of range: choose 600 to 86400", *seconds)
	}
	p.checkServiceAccount(rows.Spec.ServiceAccount)
	p.checkAnnotations(rows, &cluster, use.Namespace, use.ServiceAccount)
	return *e, *p
}

// problems collects what Check finds.
type problems []Problem

// addUnsupported adds a problem of a field that is good, and on which this version does not act.
func (p *problems) addUnsupported(field, format string, args ...any) {
	*p = append(*p, Problem{Field: field, Message: fmt.Sprintf(format, args...), Unsupported: true})
}

func (p *problems) addInvalid(field, format string, args ...any) {
	*p = append(*p, Problem{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (p *problems) checkStore(r *Resolved) {
	if n := countTrue(r.Spec.S3 != nil, r.Spec.Azure != nil, r.Spec.GCS != nil); n != 1 {
		p.addInvalid("spec", "%d stores are set: set exactly one of s3, azure and gcs", n)
	}
	for i := range stores {
		if stores[i].isSet(r.Spec) {
			stores[i].check(p, r)
			p.checkPrefix(&stores[i], r.Spec)
			p.checkMode(&stores[i], r.Spec)
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
		p.addInvalid("spec."+s.Name+".auth", "%d modes are set: set exactly one of %s", n, s.modeNames())
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

func (p *problems) checkRequired(field, value string) {
	if value == "" {
		p.addInvalid(field, "is required")
	}
}

// checkOneOf refuses a value that the API does not have; an empty one stands for the default.
func checkOneOf[T ~string](p *problems, field string, value T, values ...T) {
	if value != "" && !slices.Contains(values, value) {
		p.addInvalid(field, "is %q: write %s", value, joinOr(values))
	}
}

// joinOr lists values for people.
func joinOr[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	return strings.Join(texts, " or ")
}

func (p *problems) checkKeyRef(field string, ref *v1alpha1.KeyRef) {
	if ref.Name == "" || ref.Key == "" {
		p.addInvalid(field, "needs the name of a Secret and the key in it")
	}
}

func (p *problems) checkCABundle(spec *v1alpha1.CredentialProfileSpec, cluster *Cluster) {
	ca := spec.CABundle
	if ca == nil {
		return
	}
	checkOneOf(p, "spec.caBundle.mode", ca.Mode, v1alpha1.CABundleReplace, v1alpha1.CABundleAppend)
	if bundle := ca.ClusterTrustBundle; bundle != nil {
		if !cluster.ClusterTrustBundles {
			p.addUnsupported("spec.caBundle.clusterTrustBundle", "this cluster serves no ClusterTrustBundles (certificates.k8s.io/v1beta1 or v1): use configMap or secret")
		}
		if (bundle.Name == "") == (bundle.SignerName == "") {
			p.addInvalid("spec.caBundle.clusterTrustBundle", "set exactly one of name and signerName")
		}
	}
	if n := countTrue(ca.ConfigMap != nil, ca.Secret != nil, ca.ClusterTrustBundle != nil); n != 1 {
		p.addInvalid("spec.caBundle", "%d sources are set: set exactly one of configMap, secret and clusterTrustBundle", n)
	}
	if (ca.ConfigMap != nil && ca.ConfigMap.Name == "") || (ca.Secret != nil && ca.Secret.Name == "") {
		p.addInvalid("spec.caBundle", "needs the name of the ConfigMap or the Secret")
	}
	p.checkTruststores(ca)
}

// checkTruststores refuses truststores that the bundle's source cannot have, or that would lack what the bundle has.
func (p *problems) checkTruststores(ca *v1alpha1.CABundle) {
	const field = "spec.caBundle.truststores"
	switch stores := ca.Truststores; {
	case stores == nil:
	case stores.JKS == "" && stores.PKCS12 == "":
		p.addInvalid(field, "names no key: set jks, pkcs12 or both")
	case ca.ClusterTrustBundle != nil:
		p.addInvalid(field, "a ClusterTrustBundle has certificates in PEM alone: use configMap or secret, or remove truststores")
	case ca.Mode == v1alpha1.CABundleAppend:
		p.addInvalid(field, "Append joins files in PEM alone, and a truststore would lack the public roots: use Replace, and put them into the truststore (trust-manager: useDefaultCAs)")
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
func (p *problems) checkEnv(r *Resolved) {
	env := r.Spec.Env
	seen := make(map[string]bool, len(env))
	size := 0
	for i := range env {
		name := env[i].Name
		size += len(name) + len(env[i].Value)
		if seen[name] {
			p.addInvalid(fmt.Sprintf("spec.env[%d].name", i), "%s is there twice: remove one", name)
		}
		seen[name] = true
		p.checkEnvVar(r, fmt.Sprintf("spec.env[%d]", i), &env[i])
	}
	if len(env) > maxEnvVars || size > maxEnvBytes {
		p.addInvalid("spec.env", "has %d variables with %d bytes: write at most %d with %d bytes of names and values together, for each container of a pod gets its own copy",
			len(env), size, maxEnvVars, maxEnvBytes)
	}
}

// checkEnvVar refuses a literal by its name or its value.
func (p *problems) checkEnvVar(r *Resolved, field string, v *v1alpha1.EnvVar) {
	g := groupsByVariable[v.Name]
	if r.Store != nil {
		g &= r.Store.groups // Another cloud's variables are the profile's own business.
	}
	switch {
	case v.Name == "" || v.Value == "":
		p.addInvalid(field, "needs a name and a value: some tools take an empty variable for a setting")
	case strings.HasPrefix(v.Name, ReservedPrefix):
		p.addInvalid(field+".name", "%s is set by Lighterman itself: choose another name", v.Name)
	case !isVariableName.MatchString(v.Name):
		p.addInvalid(field+".name", "%q must be the name of a variable: letters, digits and _, not beginning with a digit", v.Name)
	case refusedEffect(v.Name) != "":
		p.addInvalid(field+".name", "%s %s, and a profile must not: set it in the container itself", v.Name, refusedEffect(v.Name))
	case strings.ContainsFunc(v.Value, isControlInValue):
		p.addInvalid(field+".value", "contains a control character other than tab and line breaks: remove it")
	case g != 0 && strings.HasPrefix(v.Name, "AZURE_KUBERNETES_"):
		p.addInvalid(field+".name",
			"%s belongs to an AKS identity binding: remove it, and set spec.azure.auth.workloadIdentity.identityBinding", v.Name)
	case g != 0:
		p.addInvalid(field+".name",
			"%s is one of the variables by which the profile's own fields say %s: remove it, and use those fields", v.Name, g)
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
		p.addInvalid("spec.selector", "selects nothing: set podSelector or serviceAccounts")
	}
	if _, err := metav1.LabelSelectorAsSelector(s.PodSelector); err != nil {
		p.addInvalid("spec.selector.podSelector", "%v", err)
	}
}

func countTrue(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}
