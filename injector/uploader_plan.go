package injector

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
)

// uploadPlan is how a requested uploader works in the pod.
type uploadPlan struct {
	*uploadRequest
	spool
	// alreadyInjected: an earlier pass has added the sidecar.
	alreadyInjected bool
	// user is the sidecar's; nil: the pod's own, or the image's.
	user *int64
	// config is the sidecar's configuration.
	config string
	// proxyEnv are the variables of the pod's way to the network.
	proxyEnv []corev1.EnvVar
}

// planUpload decides on the uploader before the containers are decided on; nil: the pod has none.
func (s podScope) planUpload(request *uploadRequest, settings *Settings, targets []target) (*uploadPlan, error) {
	alreadyInjected, err := checkUploaderNames(s.pod, request)
	if err != nil || request == nil {
		return nil, err
	}
	switch {
	case s.pod.Windows():
		return nil, Deny(ReasonNotSupported, fmt.Sprintf(
			"%s: the uploader needs Linux containers, and this is a Windows pod: set annotation %s to \"false\", and let the container upload by itself",
			request.field, AnnotationUpload))
	case settings.UploaderImage == "":
		return nil, Deny(ReasonInvalidProfile, fmt.Sprintf("%s: Lighterman was not told the uploader's image: set --uploader-image", request.field))
	}
	s.warnSharedProcesses(targets)
	u := &uploadPlan{uploadRequest: request, alreadyInjected: alreadyInjected}
	if u.spool, err = findSpool(request, targets); err != nil {
		return nil, err
	}
	if !alreadyInjected {
		u.user = s.spoolUser(u, targets)
		s.warn("terminationGracePeriodSeconds of the pod is raised to %d: the uploader has %d of them to upload what is left",
			gracePeriod(s.pod, request), request.drainTimeout())
	}
	if u.proxyEnv, err = proxyEnv(s.desired); err != nil {
		return nil, err
	}
	if u.config, err = uploaderConfig(s.desired, request); err != nil {
		return nil, err
	}
	return u, checkPreviousInjection(s.pod, u)
}

// checkPreviousInjection denies a pod whose sidecar is not the one that an earlier pass added: it was copied from a pod
// that ran, with a profile that has changed since, or with another.
func checkPreviousInjection(pod *Pod, u *uploadPlan) error {
	if !u.alreadyInjected {
		return nil
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		if c.Name == UploaderContainerName && slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
			return e.Name == uploader.EnvConfig && e.Value == u.config
		}) {
			return nil
		}
	}
	return Deny(ReasonCollision, fmt.Sprintf(
		"spec.initContainers: the container %s is there that is not the one of this profile: remove it and %s, with the volumes %s and %s, for Lighterman adds its own",
		UploaderContainerName, PreflightContainerName, UploaderVolumeName, SpoolVolumeName))
}

// checkUploaderNames denies a pod in which something else has the uploader's names. It reports whether an earlier pass has
// added the uploader.
func checkUploaderNames(pod *Pod, request *uploadRequest) (alreadyInjected bool, err error) {
	spec := &pod.Spec
	for _, name := range []string{UploaderContainerName, PreflightContainerName} {
		if hasContainer(spec.Containers, name) {
			return false, denyNameTaken("containers", name)
		}
		if !hasContainer(spec.InitContainers, name) {
			continue
		}
		if request == nil || pod.Metadata.Annotations[AnnotationInjected] == "" {
			return false, denyNameTaken("initContainers", name)
		}
		alreadyInjected = true
	}
	for i := range spec.Volumes {
		v := &spec.Volumes[i]
		ours := v.Name == UploaderVolumeName || v.Name == SpoolVolumeName
		if ours && (request == nil || !alreadyInjected || v.EmptyDir == nil) {
			return false, denyForeignVolume(i, v.Name)
		}
	}
	return alreadyInjected, nil
}

// uploaderConfig returns the sidecar's configuration: the profile in the uploader's words.
func uploaderConfig(d *desired, u *uploadRequest) (string, error) {
	c := profile.UploaderConfig(&u.spec)
	c.Spool, c.Profile, c.Prefix, c.CAFile = u.path, d.profile.Kind+" "+d.profile.String(), d.UploaderPrefix(), d.Files.CA
	c.Completion, c.DrainTimeoutSeconds = u.completionMode(), u.drainTimeout()
	d.ConfigureUploader(&c)
	if problems := d.UploaderProblems(&c); len(problems) > 0 {
		return "", denyProfile(d.profile, problems)
	}
	// The kubelet takes two dollar signs for one, and reads no reference: k8s.io/kubernetes v1.37
	// third_party/forked/golang/expansion/expand.go.
	return strings.ReplaceAll(c.String(), "$", "$$"), nil
}

// maxUsers is how many users a message names; one user is all that the sidecar can be.
const maxUsers = 8

// spoolUser returns the user that the containers with the spool run as, as far as the pod names it: the sidecar must read
// what they write. A profile may know better. Nil is the pod's own user or, where it names none, that of the uploader's
// image.
func (s podScope) spoolUser(u *uploadPlan, targets []target) *int64 {
	if own := u.spec.SecurityContext; own != nil && own.RunAsUser != nil {
		return own.RunAsUser
	}
	var podUser *int64
	if s.pod.Spec.SecurityContext != nil {
		podUser = s.pod.Spec.SecurityContext.RunAsUser
	}
	var users []int64
	for i := range targets {
		t := &targets[i]
		if t.list != "containers" || !u.isMountedBy(t) {
			continue
		}
		user := podUser
		if t.SecurityContext != nil && t.SecurityContext.RunAsUser != nil {
			user = t.SecurityContext.RunAsUser
		}
		if user != nil && len(users) < maxUsers && !slices.Contains(users, *user) {
			users = append(users, *user)
		}
	}
	switch {
	case len(users) > 1:
		s.warn("the containers with the spool %s run as users %v, and the uploader can be but one: let the group read the files and set fsGroup, or list containers that write none in annotation %s",
			u.path, users, AnnotationSkipContainers)
		return nil
	case len(users) == 0 || (podUser != nil && *podUser == users[0]):
		return nil
	}
	return &users[0]
}
