package injector

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
)

// Names of the uploader in the pod. Do not change one: see VolumeName.
const (
	// UploaderContainerName is the native sidecar.
	UploaderContainerName = "lighterman-uploader"
	// PreflightContainerName is the init container that tries the store before anything else runs: a sidecar that fails is
	// started again for ever, and only a failed init container ends the pod.
	PreflightContainerName = "lighterman-preflight"
	// UploaderVolumeName is the emptyDir with the uploader's journal, socket and program; it is mounted at
	// uploader.DefaultDirectory.
	UploaderVolumeName = "lighterman-uploader"
	// SpoolVolumeName is the emptyDir for the spool of a pod that mounts no volume there.
	SpoolVolumeName = "lighterman-spool"
)

// upload is the uploader of a pod.
type upload struct {
	spec v1alpha1.Uploader
	// path is the spool; field says where it is written, for messages.
	path, field string
	wrap        bool
	// mount is the spool's in the sidecar; its volume is SpoolVolumeName where made.
	mount corev1.VolumeMount
	made  bool
	// user is the sidecar's; nil: the pod's own, or the image's.
	user *int64
	// config is the sidecar's configuration.
	config string
	// proxy are the variables of the pod's way to the network.
	proxy []corev1.EnvVar
	// there: a former pass has added the sidecar.
	there bool
}

// uploadOf gives the uploader that the pod's annotations and the profile ask for; nil: none.
func uploadOf(pod *Pod, profile *profile.Profile) (*upload, error) {
	value, named := pod.Metadata.Annotations[AnnotationUpload]
	completion, completed := pod.Metadata.Annotations[AnnotationCompletion]
	if value == "false" || (!named && profile.Spec.Uploader == nil) {
		if completed {
			return nil, Deny(ReasonInvalidAnnotation, fmt.Sprintf(
				"annotation %s: the pod has no uploader: set %s to the directory that is to be uploaded, or remove %s",
				AnnotationCompletion, AnnotationUpload, AnnotationCompletion))
		}
		return nil, nil
	}
	u := &upload{field: "annotation " + AnnotationUpload}
	if profile.Spec.Uploader != nil {
		u.spec = *profile.Spec.Uploader
	}
	if u.path = value; !named {
		u.path, u.field = u.spec.Path, fmt.Sprintf("%s %s: spec.uploader.path", profile.Kind, profile)
	}
	if !completed {
		completion = cmp.Or(u.spec.Completion, string(uploader.Drain))
	}
	switch uploader.Completion(completion) {
	case uploader.Wrap:
		u.wrap = true
	case uploader.Drain:
	default:
		return nil, Deny(ReasonInvalidAnnotation, fmt.Sprintf("annotation %s is %s: write %s or %s", AnnotationCompletion,
			message.Quote(completion), uploader.Drain, uploader.Wrap))
	}
	return u, u.checkPath(named)
}

// checkPath denies a spool that no file could be found in, or that is Lighterman's own.
func (u *upload) checkPath(named bool) error {
	reason := ReasonInvalidProfile
	if named {
		reason = ReasonInvalidAnnotation
	}
	if !path.IsAbs(u.path) || path.Clean(u.path) == "/" || strings.ContainsAny(u.path, ":\x00") || strings.Contains(u.path, "..") {
		return Deny(reason, fmt.Sprintf("%s is %s: write the absolute path of the directory that is to be uploaded, for example /backup",
			u.field, message.Quote(u.path)))
	}
	u.path = path.Clean(u.path)
	for _, ours := range []string{MountPath, BundleMountPath, uploader.DefaultDirectory} {
		if within(u.path, ours) || within(ours, u.path) {
			return Deny(reason, fmt.Sprintf("%s is %s: Lighterman has files of its own in %s: choose another directory", u.field,
				message.Quote(u.path), ours))
		}
	}
	return nil
}

// planUpload decides on the uploader before the containers are visited.
func (p *plan) planUpload(u *upload, found []target) error {
	if err := p.checkUploaderNames(u); err != nil || u == nil {
		return err
	}
	switch {
	case p.pod.Windows():
		return Deny(ReasonNotSupported, fmt.Sprintf(
			"%s: the uploader needs Linux containers, and this is a Windows pod: set annotation %s to \"false\", and let the container upload by itself",
			u.field, AnnotationUpload))
	case p.settings.UploaderImage == "":
		return Deny(ReasonInvalidProfile, fmt.Sprintf("%s: Lighterman was not told the uploader's image: set --uploader-image", u.field))
	}
	p.upload = u
	p.warnSharedProcesses(found)
	if err := p.findSpool(found); err != nil {
		return err
	}
	if p.addsUploader() {
		u.user = p.spoolUser(found)
		p.warn("terminationGracePeriodSeconds of the pod is raised to %d: the uploader has %d of them to upload what is left",
			p.grace(), p.drainTimeout())
	}
	var err error
	if u.proxy, err = p.proxyEnv(); err != nil {
		return err
	}
	if err := p.configure(); err != nil {
		return err
	}
	return p.checkFormer()
}

// checkFormer denies a pod whose sidecar is not the one that a former pass added: it was copied from a pod that ran, with
// a profile that has changed since, or with another.
func (p *plan) checkFormer() error {
	if !p.upload.there {
		return nil
	}
	for i := range p.pod.Spec.InitContainers {
		c := &p.pod.Spec.InitContainers[i]
		if c.Name == UploaderContainerName && slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
			return e.Name == uploader.EnvConfig && e.Value == p.upload.config
		}) {
			return nil
		}
	}
	return Deny(ReasonCollision, fmt.Sprintf(
		"spec.initContainers: the container %s is there that is not the one of this profile: remove it and %s, with the volumes %s and %s, for Lighterman adds its own",
		UploaderContainerName, PreflightContainerName, UploaderVolumeName, SpoolVolumeName))
}

// checkUploaderNames denies a pod in which something else has the uploader's names.
func (p *plan) checkUploaderNames(u *upload) error {
	spec := &p.pod.Spec
	for _, name := range []string{UploaderContainerName, PreflightContainerName} {
		if hasContainer(spec.Containers, name) {
			return nameTaken("containers", name)
		}
		if !hasContainer(spec.InitContainers, name) {
			continue
		}
		if u == nil || p.pod.Metadata.Annotations[AnnotationInjected] == "" {
			return nameTaken("initContainers", name)
		}
		u.there = true
	}
	for i := range spec.Volumes {
		v := &spec.Volumes[i]
		if ours := v.Name == UploaderVolumeName || v.Name == SpoolVolumeName; ours && (u == nil || !u.there || v.EmptyDir == nil) {
			return foreign(i, v.Name)
		}
	}
	return nil
}

// configure writes the sidecar's configuration: the profile in the uploader's words.
func (p *plan) configure() error {
	u := p.upload
	_, prefix := p.Store.Location(p.Spec)
	c := profile.UploaderConfig(&u.spec)
	c.Spool, c.Profile, c.Prefix, c.CAFile = u.path, p.profile.Kind+" "+p.profile.String(), prefix, p.Files.CA
	c.Completion, c.DrainTimeoutSeconds = u.completion(), u.drainTimeout()
	p.ConfigureUploader(&c)
	if problems := p.UploaderProblems(&c); len(problems) > 0 {
		return denyProfile(p.profile, problems)
	}
	// The kubelet takes two dollar signs for one, and reads no reference: k8s.io/kubernetes v1.37
	// third_party/forked/golang/expansion/expand.go.
	u.config = strings.ReplaceAll(c.String(), "$", "$$")
	return nil
}

// completion is the completion of the pod's annotation or the profile.
func (u *upload) completion() uploader.Completion {
	if u.wrap {
		return uploader.Wrap
	}
	return uploader.Drain
}

// drainTimeout is in seconds.
func (p *plan) drainTimeout() int64 { return p.upload.drainTimeout() }

func (u *upload) drainTimeout() int64 {
	if seconds := u.spec.DrainTimeoutSeconds; seconds != nil {
		return *seconds
	}
	return 600
}
