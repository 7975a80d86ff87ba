package injector

import (
	"encoding/json"
	"fmt"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
)

// planner decides what one pod is given. It holds the facts that the decisions read, and gathers the warnings; what is
// given, its methods return.
type planner struct {
	podScope
	settings *Settings
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
	p := &planner{podScope: podScope{desired: d, warnings: &warnings{}, pod: pod}, settings: settings}
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

// warnReplaced warns that what an earlier pass of another plan wrote is replaced.
func (p *planner) warnReplaced() {
	if len(p.former.ops) > 0 {
		p.warn("the pod was injected before, with %s %s: what Lighterman wrote then is replaced by what %s %s says now",
			message.Value(p.former.record.Kind), message.Value(p.former.record.Profile), p.profile.Kind, p.profile)
	}
}

// planPod returns what the pod is given.
func (p *planner) planPod(request *uploadRequest) (*additions, error) {
	targets, err := findTargets(p.pod, p.Tools, request)
	if err != nil {
		return nil, err
	}
	if err := checkUnproven(p.pod, p.desired, p.former, targets); err != nil {
		return nil, err
	}
	p.warnProfile()
	p.warnTokenService()
	p.warnHostNetwork()
	p.warnGeneratedName()
	given := &additions{}
	if given.labels, err = missingLabels(&p.pod.Metadata, p.desired); err != nil {
		return nil, err
	}
	if err := p.checkPod(); err != nil {
		return nil, err
	}
	p.warnServiceAccount(p.settings)
	if p.uploader, err = p.planUpload(request, p.settings, targets); err != nil {
		return nil, err
	}
	readTargets(targets, &p.pod.Metadata, p.desired)
	if given.containers, err = p.planContainers(targets); err != nil {
		return nil, err
	}
	p.warnSharing(given.containers)
	if err := checkOwnMounts(p.pod, p.uploader, targets); err != nil {
		return nil, err
	}
	p.addOwn(given)
	given.annotations, err = p.planAnnotations(given)
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
		if p.size.addContainer(&given[i]); p.size.bytes > maxPatch {
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
		given.volumes = append(given.volumes, b.buildVolumes()...)
		if !u.alreadyInjected {
			seconds := gracePeriod(p.pod, u.uploadRequest)
			given.uploader, given.uploaderIndex, given.gracePeriod = b.buildContainers(), sidecarIndex(p.pod), &seconds
		}
	}
}

// planAnnotations returns the annotations that the pod gets: the configuration file, what an admission policy and a
// later pass read, and those that keep other webhooks away.
func (p *planner) planAnnotations(given *additions) ([]entry, error) {
	existing := p.pod.Metadata.Annotations
	skip := skipAnnotations(p.desired, &p.pod.Metadata, given.containers)
	entries := make([]entry, 0, 3+len(skip))
	if p.configText != "" && existing[p.configAnnotation] == "" {
		entries = append(entries, entry{p.configAnnotation, p.configText})
	}
	record, err := json.Marshal(Record{
		Profile: p.profile.String(), Kind: p.profile.Kind, UID: p.profile.UID, Generation: p.profile.Generation,
		Version: p.settings.Version, Volume: p.needsVolume(), Uploader: p.uploader != nil,
	})
	if err != nil {
		return nil, fmt.Errorf("write annotation %s: %w", AnnotationInjected, err)
	}
	if existing[AnnotationInjected] != string(record) {
		entries = append(entries, entry{AnnotationInjected, string(record)})
	}
	added := newAddedRecord(p.pod, p.hash, p.former.earlierRecord(), given, skip).annotationText()
	if existing[AnnotationAdded] != added {
		entries = append(entries, entry{AnnotationAdded, added})
	}
	return append(entries, skip...), nil
}
