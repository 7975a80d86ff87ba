package injector

import (
	"cmp"
	"fmt"
	"path"
	"strings"

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

// uploadRequest is the uploader that the pod's annotations and the profile ask for.
type uploadRequest struct {
	spec v1alpha1.Uploader
	// path is the spool's; field is where it is written, for messages.
	path, field string
	wrap        bool
}

// readUploadRequest returns the uploader that the pod's annotations and the profile ask for; nil: none.
func readUploadRequest(pod *Pod, profile *profile.Profile) (*uploadRequest, error) {
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
	u := &uploadRequest{field: "annotation " + AnnotationUpload}
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
func (u *uploadRequest) checkPath(named bool) error {
	reason := ReasonInvalidProfile
	if named {
		reason = ReasonInvalidAnnotation
	}
	if !path.IsAbs(u.path) || path.Clean(u.path) == "/" || strings.ContainsAny(u.path, ":\x00") ||
		strings.Contains(u.path, "..") {
		return Deny(
			reason,
			fmt.Sprintf("%s is %s: write the absolute path of the directory that is to be uploaded, for example /backup",
				u.field, message.Quote(u.path)),
		)
	}
	u.path = path.Clean(u.path)
	for _, ours := range []string{MountPath, BundleMountPath, uploader.DefaultDirectory} {
		if isWithin(u.path, ours) || isWithin(ours, u.path) {
			return Deny(reason, fmt.Sprintf("%s is %s: Lighterman has files of its own in %s: choose another directory", u.field,
				message.Quote(u.path), ours))
		}
	}
	return nil
}

// completionMode returns the completion of the pod's annotation or the profile.
func (u *uploadRequest) completionMode() uploader.Completion {
	if u.wrap {
		return uploader.Wrap
	}
	return uploader.Drain
}

// defaultDrainSeconds is the drain timeout where the profile sets none.
const defaultDrainSeconds = 600

// drainTimeout returns the drain timeout in seconds.
func (u *uploadRequest) drainTimeout() int64 {
	if seconds := u.spec.DrainTimeoutSeconds; seconds != nil {
		return *seconds
	}
	return defaultDrainSeconds
}

// defaultGraceSeconds is the grace period that Kubernetes gives a pod without one.
const defaultGraceSeconds = 30

// gracePeriod returns the pod's terminationGracePeriodSeconds with time to drain: the containers may take all of their
// own.
func gracePeriod(pod *Pod, u *uploadRequest) int64 {
	own := int64(defaultGraceSeconds)
	if pod.Spec.TerminationGracePeriodSeconds != nil {
		own = *pod.Spec.TerminationGracePeriodSeconds
	}
	return own + u.drainTimeout()
}
