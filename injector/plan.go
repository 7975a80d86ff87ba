package injector

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

// target is a container that is to be injected, and what it is to be given.
type target struct {
	*Container
	list   string // "containers" or "initContainers"
	index  int    // in its list
	env    []corev1.EnvVar
	tail   []corev1.EnvVar // of env, what must stand behind the container's own
	fills  []filling       // of env, what takes the place of entries that say nothing
	shut   []corev1.EnvVar // what keeps rivals of the identity out, behind all others
	mounts []corev1.VolumeMount
	// command replaces the container's own; nil: it stays.
	command []string
	// wrapped: the command is run by the uploader, now or since a former pass.
	wrapped bool
	// recipient: the container is to get the profile's identity. The others of a pod with an uploader only write files.
	recipient bool
	proven    bool // it has, or gets, the profile's identity
}

// plan gathers what a pod is to be given. Nothing is written before all is known: each place of the pod is then
// written once.
type plan struct {
	pod      *Pod
	profile  *profile.Profile
	settings Settings

	profile.Environment
	tools []v1alpha1.Tool
	index map[string]int // of vars, by name
	// own and places are those of the container at hand: what it sets itself, and where each of vars goes.
	own    ownVariables
	places []placement
	// rivals are those of the profile's identity, once they were asked for.
	rivals []*profile.Rival
	// withheld marks the vars that the container at hand does not get, because it is to get no identity.
	withheld []bool

	// label is one that the pod is to have; none: none, or it has it.
	label []entry
	// document is the text of the file that an annotation holds; empty: there is none.
	document string
	// sources make the projected volume; proves says that some of them prove who the pod is.
	sources []corev1.VolumeProjection
	proves  bool
	// replaceCA: containers read ca.crt from the projected volume. appendCA: from the joined bundle.
	replaceCA, appendCA bool
	// hasVolume and hasBundle: a former pass has added the volume.
	hasVolume, hasBundle bool

	targets []*target
	// hash is the plan's own. earlier is what an earlier pass of the same plan wrote; stale is what another has left, and is
	// to be replaced.
	hash    string
	earlier *Added
	stale   *former
	// added is the text of AnnotationAdded.
	added string
	// upload is the pod's uploader; nil: it has none.
	upload *upload
	// keep are annotations that tell other webhooks to leave containers alone.
	keep     []entry
	warnings []string
	// size is an upper bound of the patch for the targets, and shared are environments that several of them get.
	size   int
	shared []sharedEnv
	// warned are the bytes of all warnings, and unsaid is how many there was no room for.
	warned, unsaid int
}

func newPlan(pod *Pod, prof *profile.Profile, env *profile.Environment, uploads bool, settings Settings) (*plan, error) {
	p := &plan{pod: pod, profile: prof, settings: settings, Environment: *env, tools: env.Tools}
	if err := p.project(); err != nil {
		return nil, err
	}
	p.projectCA()
	p.index = make(map[string]int, len(p.Vars))
	for i := range p.Vars {
		p.index[p.Vars[i].Name] = i
	}
	if uploads {
		p.projectKeys()
	}
	p.places, p.withheld = make([]placement, len(p.Vars)), make([]bool, len(p.Vars))
	return p, nil
}

// checkPod finds out what the pod has of an earlier pass, and what stands in the way.
func (p *plan) checkPod() error {
	p.warnTokenService()
	p.checkHostNetwork()
	if err := p.checkMetadata(); err != nil {
		return err
	}
	if err := p.checkVolumes(); err != nil {
		return err
	}
	return p.checkBundle()
}

// needed reports whether the pod gets the projected volume.
func (p *plan) needed() bool { return len(p.sources) > 0 }

// visit decides what one container is given.
func (p *plan) visit(t *target) error {
	if !t.recipient {
		return p.planWithoutIdentity(t)
	}
	taken, err := p.takenGroups(t)
	if err != nil {
		return err
	}
	p.placeVars(t, taken)
	if len(t.env)+len(t.shut) > 0 {
		p.warnEnvFrom(t, taken&p.Store.IdentityGroup != 0)
	}
	if taken&p.Store.IdentityGroup == 0 {
		t.proven = true
	}
	p.planProxy(t)
	if (p.proves && taken&p.Store.IdentityGroup == 0) || p.replaceCA {
		if err := p.mount(t, VolumeName, MountPath); err != nil {
			return err
		}
	}
	if p.appendCA {
		if err := p.mount(t, BundleVolumeName, BundleMountPath); err != nil {
			return err
		}
	}
	return p.finishTarget(t)
}

// finishTarget gives the container what the uploader needs of it, and keeps it if it is given anything.
func (p *plan) finishTarget(t *target) error {
	if err := p.visitSpool(t); err != nil {
		return err
	}
	if len(t.env)+len(t.tail)+len(t.fills)+len(t.shut) > 0 || len(t.mounts) > 0 || t.command != nil {
		p.targets = append(p.targets, t)
	}
	return nil
}

// refersTo reports whether the variable refers to one that the profile injects, and that stands among the container's own
// or behind them: the kubelet fills in a reference only from what stands before it.
func (p *plan) refersTo(v *profile.Variable) bool {
	for name := range references(v.Value) {
		at, injected := p.index[name]
		if injected && (p.own.find(name) != nil || p.places[at].kind == behindOwn) {
			return true
		}
	}
	return false
}

// groupOf returns the group that a variable belongs to, for the SDKs or for a tool of the pod.
func (p *plan) groupOf(name string) profile.Group { return p.GroupOf(name) }

func (p *plan) warnGroup(t *target, name string, g profile.Group) {
	for i := range p.Vars {
		if p.Vars[i].Groups&g != 0 {
			p.warnKept(t, name, g)
			return
		}
	}
	if p.Mode.IsPodScoped && g&(p.Store.IdentityGroup|profile.GroupGoogleMetadata|profile.GroupGoogleSwitch) != 0 {
		p.warn("container %q sets %s itself, and so it may not get the identity of the pod, which %s %s counts on: remove the variable, or list the container in %s",
			t.Name, name, p.profile.Kind, p.profile, AnnotationSkipContainers)
	}
}

// warnKept warns of a group that the container keeps for itself.
func (p *plan) warnKept(t *target, name string, g profile.Group) {
	p.warn("container %q sets %s itself, so Lighterman does not inject %s of %s %s there: remove the variable, or list the container in %s",
		t.Name, name, g, p.profile.Kind, p.profile, AnnotationSkipContainers)
}

// warnTokenService warns of a private bundle that also has to vouch for a public token service.
func (p *plan) warnTokenService() {
	if p.Mode.TokenService == nil || !p.replaceCA {
		return
	}
	if name, cure := p.Mode.TokenService(p.Spec); name != "" {
		p.warn("spec.caBundle of %s %s also replaces the roots by which %s is checked: %s", p.profile.Kind, p.profile, name,
			cure)
	}
}

// mount gives the container a mount of one of our volumes, unless it has it.
func (p *plan) mount(t *target, volume, at string) error {
	for i := range t.VolumeMounts {
		m := &t.VolumeMounts[i]
		switch where := cleanPath(m.MountPath); {
		case where == at && m.Name == volume && m.SubPath == "" && m.SubPathExpr == "":
			return nil
		case within(where, at):
			return t.collides(fmt.Sprintf("volumeMounts[%d].mountPath", i), m.MountPath)
		}
	}
	for i := range t.VolumeDevices {
		if where := t.VolumeDevices[i].DevicePath; within(cleanPath(where), at) {
			return t.collides(fmt.Sprintf("volumeDevices[%d].devicePath", i), where)
		}
	}
	t.mounts = append(t.mounts, corev1.VolumeMount{Name: volume, MountPath: at, ReadOnly: true})
	return nil
}

func (t *target) collides(field, path string) error {
	return Deny(ReasonCollision, fmt.Sprintf(
		"spec.%s[%d].%s: %s of container %q is where Lighterman mounts its files: mount it elsewhere, or list the container in %s",
		t.list, t.index, field, message.Value(path), t.Name, AnnotationSkipContainers))
}

// within reports whether a clean path is dir, or lies below it.
func within(where, dir string) bool { return where == dir || strings.HasPrefix(where, dir+"/") }

// cleanPath makes mount paths comparable, those of Windows pods included.
func cleanPath(p string) string {
	if len(p) > 1 && p[1] == ':' {
		p = p[2:]
	}
	if strings.ContainsRune(p, '\\') {
		p = strings.ReplaceAll(p, `\`, "/")
	}
	return path.Clean(p)
}
