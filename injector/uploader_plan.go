package injector

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// uploadPlan is how a requested uploader works in the pod.
type uploadPlan struct {
	*uploadRequest
	spool
	// alreadyInjected: an earlier pass has added the sidecar.
	alreadyInjected bool
	// user is the sidecar's; nil: the pod's own, or the image's.
	user *int64
	// outputs are the files that the standard outputs of containers become; nil: there is a spool.
	outputs map[*Container]string
	// wrapped are the containers whose commands the uploader runs.
	wrapped []*Container
	// restartPolicy is the pod's.
	restartPolicy corev1.RestartPolicy
	// config is the sidecar's configuration.
	config string
	// outdated are the paths in the pod of the configuration of an earlier pass, which knows fewer containers.
	outdated []string
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
	if request.otherSeriesPerRun != "" {
		s.warn("each run of the pod is a series of its own in the index of runs, for %s: set annotation %s of the pod to a name that stays the same in every run",
			request.otherSeriesPerRun, AnnotationSeries)
	}
	u := &uploadPlan{uploadRequest: request, alreadyInjected: alreadyInjected, restartPolicy: s.pod.Spec.RestartPolicy}
	if request.stdout != "" {
		u.outputs, err = findOutputs(request, targets)
	} else {
		u.spool, err = s.findSpool(request, targets)
	}
	if err != nil {
		return nil, err
	}
	for i := range targets {
		if u.wraps(&targets[i]) {
			u.wrapped = append(u.wrapped, targets[i].Container)
		}
	}
	if err := u.checkWrapped(); err != nil {
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
	if u.config, err = s.uploaderConfig(u); err != nil {
		return nil, err
	}
	return u, u.checkPreviousInjection(s.pod)
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
		if t.list != "containers" || (u.outputs == nil && !u.isMountedBy(t)) || (u.outputs != nil && !u.wraps(t)) {
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
	case len(users) > 1 && u.outputs != nil: // It reads no file of theirs.
		return nil
	case len(users) > 1:
		s.warn("the containers with the spool %s run as users %v, and the uploader can be but one: let the group read the files and set fsGroup, or list containers that write none in annotation %s",
			u.path, users, AnnotationSkipContainers)
		return nil
	case len(users) == 0 || (podUser != nil && *podUser == users[0]):
		return nil
	}
	return &users[0]
}
