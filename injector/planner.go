package injector

import (
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
)

// planner decides what one pod is given. It holds the facts that the decisions read, and gathers the warnings; what is
// given, its methods return.
type planner struct {
	*desired
	*warnings
	settings *Settings
	// pod is without what an earlier pass of another plan wrote.
	pod *Pod
	// former is what an earlier pass has left; nil: there was none.
	former *former
	// hash is that of all that decides what is written.
	hash string
	// uploader is the pod's; nil: it has none.
	uploader *uploadPlan
	placer   placer
	size     patchSize
}

// newPlanner returns a planner that knows what the profile wants, and what an earlier pass has left.
func newPlanner(pod *Pod, d *desired, request *uploadRequest, settings *Settings) (*planner, error) {
	p := &planner{desired: d, warnings: &warnings{}, settings: settings, pod: pod}
	var err error
	if p.hash, err = outlineHash(pod, d, request, settings); err != nil {
		return nil, err
	}
	if p.former, err = readFormer(pod, p.hash); err != nil || p.former == nil {
		return p, err
	}
	p.pod = p.former.pod
	p.warnReplaced()
	return p, nil
}

// plan returns what the pod is given.
func (p *planner) plan(request *uploadRequest) (*additions, error) {
	targets, err := findTargets(p.pod, p.Tools, request)
	if err != nil {
		return nil, err
	}
	if err := p.checkUnproven(targets); err != nil {
		return nil, err
	}
	p.warnTokenService()
	p.warnHostNetwork()
	given := &additions{}
	if given.labels, err = missingLabels(&p.pod.Metadata, p.desired); err != nil {
		return nil, err
	}
	if err := p.checkPod(); err != nil {
		return nil, err
	}
	p.warnServiceAccount()
	if p.uploader, err = p.planUpload(request, targets); err != nil {
		return nil, err
	}
	readTargets(targets, &p.pod.Metadata, p.desired)
	if given.containers, err = p.planContainers(targets); err != nil {
		return nil, err
	}
	if err := checkOwnMounts(p.pod, p.uploader, targets); err != nil {
		return nil, err
	}
	p.addOwn(given)
	given.annotations, err = p.annotations(given)
	return given, err
}

// checkPod denies a pod in which something else has Lighterman's names.
func (p *planner) checkPod() error {
	if err := checkConfigAnnotation(&p.pod.Metadata, p.desired); err != nil {
		return err
	}
	if err := checkVolumes(p.pod, p.desired); err != nil {
		return err
	}
	return checkBundle(p.pod, p.desired, p.settings.Image)
}

// planContainers returns what each of the targets is given, and denies the pod when that is too large.
func (p *planner) planContainers(targets []target) ([]containerAdditions, error) {
	given := make([]containerAdditions, len(targets))
	for i := range targets {
		var err error
		if given[i], err = p.planContainer(&targets[i]); err != nil {
			return nil, err
		}
		if p.size.add(&given[i]); p.size.bytes > maxPatch {
			return nil, denyTooLarge(p.pod, p.profile)
		}
	}
	return given, nil
}

// planContainer returns what one container is given.
func (p *planner) planContainer(t *target) (containerAdditions, error) {
	s := scope{p.desired, t, p.warnings}
	p.placer.setContainer(s)
	given := containerAdditions{target: t}
	if t.recipient {
		var taken profile.Group
		var err error
		if given.envAdditions, taken, err = p.placer.recipientEnv(); err != nil {
			return given, err
		}
		if given.hasIdentity = taken&p.Store.IdentityGroup == 0; given.hasIdentity {
			given.envAdditions = s.addNoProxy(given.envAdditions)
		}
	} else {
		given.envAdditions = p.placer.writerEnv()
	}
	if p.uploader != nil {
		s.warnProxies()
	}
	return p.planFiles(s, given)
}

// planFiles returns what a container is given, with its mounts and its command.
func (p *planner) planFiles(s scope, given containerAdditions) (containerAdditions, error) {
	var err error
	if s.recipient && (p.carriesIdentity && given.hasIdentity || p.replacesCA()) {
		if given.mounts, err = s.addMount(given.mounts, VolumeName, MountPath); err != nil {
			return given, err
		}
	}
	if s.recipient && p.appendsCA() {
		if given.mounts, err = s.addMount(given.mounts, BundleVolumeName, BundleMountPath); err != nil {
			return given, err
		}
	}
	u := p.uploader
	if u == nil {
		return given, nil
	}
	given.mounts = append(given.mounts, u.spoolMounts(s)...)
	if !u.wraps(s.target) {
		return given, nil
	}
	if given.command, err = u.wrapCommand(s); err != nil {
		return given, err
	}
	given.mounts, err = s.addMount(given.mounts, UploaderVolumeName, uploader.DefaultDirectory)
	return given, err
}

// addOwn adds Lighterman's own volumes and containers that the pod lacks.
func (p *planner) addOwn(given *additions) {
	if p.needsVolume() && !hasVolume(p.pod, VolumeName) {
		given.volumes = append(given.volumes, credentialVolume(p.desired))
	}
	if p.appendsCA() {
		if !hasVolume(p.pod, BundleVolumeName) {
			given.volumes = append(given.volumes, bundleVolume())
		}
		if !hasContainer(p.pod.Spec.InitContainers, BundleContainerName) {
			bundler := bundleContainer(p.pod, p.settings.Image)
			given.bundler = &bundler
		}
	}
	if u := p.uploader; u != nil {
		b := uploaderBuilder{uploadPlan: u, desired: p.desired, pod: p.pod, image: p.settings.UploaderImage}
		given.volumes = append(given.volumes, b.volumes()...)
		if !u.alreadyInjected {
			seconds := gracePeriod(p.pod, u.uploadRequest)
			given.uploader, given.uploaderIndex, given.gracePeriod = b.containers(), sidecarIndex(p.pod), &seconds
		}
	}
}
