package injector

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
)

// Added is the value of AnnotationAdded, as compact JSON. It proves to a later admission of the same pod, one that was
// restored or copied, what an earlier one wrote. Whoever writes pods can forge it: see former.
type Added struct {
	// Plan is a hash of all that decides what is written. A pod with another plan's additions is brought up to date.
	Plan string `json:"plan"`
	// Env are the variables, for the containers that got the same.
	Env []AddedEnv `json:"env,omitempty"`
	// Labels and Annotations are hashes of the values, by key.
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// AddedEnv are variables that Lighterman wrote.
type AddedEnv struct {
	// In names the containers.
	In []string `json:"in"`
	// Vars are hashes of the values, by name; behind filledMark where the container had the variable with no value.
	Vars map[string]string `json:"vars"`
}

// maxAdded is the size of the largest annotation that is written: see maxAnnotation. A larger one keeps the plan alone.
const maxAdded = 12 << 10

// outline is what decides what is written into a pod, but for the pod's own containers and volumes.
type outline struct {
	Profile     string
	Settings    Settings
	Annotations map[string]string
	Vars        []corev1.EnvVar
	Sources     []corev1.VolumeProjection
	Document    string
	Label       []string
	AppendCA    bool
	Uploader    *uploadOutline
}

// uploadOutline is what decides how the uploader is.
type uploadOutline struct {
	Config    uploader.Config
	SizeLimit *resource.Quantity
	Port      *int32
	Resources *corev1.ResourceRequirements
	Security  *corev1.SecurityContext
	Identity  string
}

// outlineHash returns the hash by which an addition is known to be this plan's.
func (p *plan) outlineHash(u *upload) (string, error) {
	o := outline{
		Profile: p.profile.Kind + " " + p.profile.String(), Settings: p.settings, Annotations: map[string]string{},
		Sources: p.sources, Document: p.document, AppendCA: p.appendCA,
	}
	for _, key := range []string{AnnotationContainers, AnnotationSkipContainers, AnnotationTools, AnnotationUpload, AnnotationCompletion} {
		if value, set := p.pod.Metadata.Annotations[key]; set {
			o.Annotations[key] = value
		}
	}
	o.Vars = make([]corev1.EnvVar, len(p.Vars))
	for i := range p.Vars {
		o.Vars[i] = p.Vars[i].EnvVar
	}
	if p.Mode.Label != nil {
		key, value := p.Mode.Label(p.Spec)
		o.Label = []string{key, value}
	}
	if u != nil {
		o.Uploader = &uploadOutline{
			Config: profile.UploaderConfig(&u.spec), SizeLimit: u.spec.SizeLimit, Port: u.spec.MetricsPort,
			Resources: u.spec.Resources, Security: u.spec.SecurityContext, Identity: cmp.Or(u.spec.Identity, profile.IdentityOfUploader),
		}
		o.Uploader.Config.Spool, o.Uploader.Config.Completion = u.path, u.completion()
		o.Uploader.Config.DrainTimeoutSeconds = u.drainTimeout()
		p.ConfigureUploader(&o.Uploader.Config)
	}
	text, err := json.Marshal(o)
	if err != nil {
		return "", fmt.Errorf("write the outline of what is added: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}

// shortHash tells values apart that come about by chance. It proves nothing against who computes it.
func shortHash(kind, value string) string {
	var text [256]byte // Most values fit, so that they are not copied to the heap.
	sum := sha256.Sum256(append(append(text[:0], kind...), value...))
	var digits [8]byte
	hex.Encode(digits[:], sum[:4])
	return string(digits[:])
}

// hashVariable returns the hash of a variable's value. References other than to a Secret's key are never Lighterman's.
func hashVariable(e *corev1.EnvVar) string {
	if e.ValueFrom == nil {
		return shortHash("=", e.Value)
	}
	if ref := e.ValueFrom.SecretKeyRef; ref != nil {
		return shortHash("secret ", fmt.Sprint(ref.Name, "/", ref.Key, " ", ref.Optional != nil && *ref.Optional))
	}
	return ""
}

// addedText returns the annotation's value: what this pass writes, and what an earlier pass of the same plan wrote.
func (p *plan) addedText() (string, error) {
	a := &Added{Plan: p.hash, Env: p.addedEnv(), Labels: hashEntries(p.label), Annotations: hashEntries(p.keep)}
	if p.earlier != nil {
		a.Labels, a.Annotations = merge(p.earlier.Labels, a.Labels), merge(p.earlier.Annotations, a.Annotations)
	}
	text, err := json.Marshal(a)
	if err == nil && len(text) > maxAdded {
		text, err = json.Marshal(&Added{Plan: p.hash})
	}
	if err != nil {
		return "", fmt.Errorf("write annotation %s: %w", AnnotationAdded, err)
	}
	return string(text), nil
}

// addedEnv returns the variables that the pod's containers have got, grouped by what is the same.
func (p *plan) addedEnv() []AddedEnv {
	given := make(map[*Container]*target, len(p.targets))
	for _, t := range p.targets {
		given[t.Container] = t
	}
	seen := map[*corev1.EnvVar]map[string]string{} // By the first variable of a list that several containers share.
	vars := map[string]map[string]string{}
	var names []string
	for _, list := range [][]Container{p.pod.Spec.InitContainers, p.pod.Spec.Containers} {
		for i := range list {
			c := &list[i]
			if _, again := vars[c.Name]; !again { // The API server refuses a name that is there twice, but later.
				names = append(names, c.Name)
				vars[c.Name] = p.earlier.vars(c.Name)
			}
			if t := given[c]; t != nil {
				for _, written := range [][]corev1.EnvVar{t.env, t.tail, t.shut} {
					vars[c.Name] = merge(vars[c.Name], hashEnv(written, seen))
				}
				vars[c.Name] = merge(vars[c.Name], hashFills(t.fills))
			}
		}
	}
	var groups []AddedEnv
	for _, name := range names {
		groups = addToGroup(groups, name, vars[name])
	}
	return groups
}

// filledMark begins the hash of a value that was written into a variable of the container's own, which said nothing.
const filledMark = "~"

func hashFills(fills []filling) map[string]string {
	if len(fills) == 0 {
		return nil
	}
	vars := make(map[string]string, len(fills))
	for i := range fills {
		vars[fills[i].env.Name] = filledMark + hashVariable(fills[i].env)
	}
	return vars
}

func hashEnv(env []corev1.EnvVar, seen map[*corev1.EnvVar]map[string]string) map[string]string {
	if len(env) == 0 {
		return nil
	}
	vars, hashed := seen[&env[0]]
	if !hashed {
		vars = make(map[string]string, len(env))
		for i := range env {
			vars[env[i].Name] = hashVariable(&env[i])
		}
		seen[&env[0]] = vars
	}
	return vars
}

func addToGroup(groups []AddedEnv, name string, vars map[string]string) []AddedEnv {
	if len(vars) == 0 {
		return groups
	}
	for i := range groups {
		if maps.Equal(groups[i].Vars, vars) {
			groups[i].In = append(groups[i].In, name)
			return groups
		}
	}
	return append(groups, AddedEnv{In: []string{name}, Vars: vars})
}

func hashEntries(entries []entry) map[string]string {
	if len(entries) == 0 {
		return nil
	}
	hashes := make(map[string]string, len(entries))
	for _, e := range entries {
		hashes[e.key] = shortHash("", e.value)
	}
	return hashes
}

// merge returns what both maps hold; neither is changed. The second wins.
func merge(a, b map[string]string) map[string]string {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	both := maps.Clone(a)
	maps.Copy(both, b)
	return both
}

// vars returns the variables that an earlier pass wrote into a container.
func (a *Added) vars(container string) map[string]string {
	if a == nil {
		return nil
	}
	for i := range a.Env {
		if slices.Contains(a.Env[i].In, container) {
			return a.Env[i].Vars
		}
	}
	return nil
}
