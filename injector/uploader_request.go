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
	// path is the spool's, and stdout the file that a standard output becomes, or CONTAINER=FILE for several; one of them is empty.
	path, stdout string
	// field is where that is written, for messages; reason is that of a denial of it.
	field  string
	reason Reason
	wrap   bool
	// wrapsByDefault: neither the pod nor the profile says how the upload completes, and the pod ends.
	wrapsByDefault bool
	// series is the name that the pod's runs share with those of the same workload.
	series string
	// otherSeriesPerRun is why each run has another series, as a part of a sentence; empty: they share one.
	otherSeriesPerRun string
}

// readUploadRequest returns the uploader that the pod's annotations and the profile ask for; nil: none.
func readUploadRequest(pod *Pod, profile *profile.Profile) (*uploadRequest, error) {
	u := &uploadRequest{}
	if profile.Spec.Uploader != nil {
		u.spec = *profile.Spec.Uploader
	}
	asked, err := u.readSource(pod.Metadata.Annotations, profile)
	if err != nil || !asked {
		return nil, err
	}
	if err := u.readCompletion(pod); err != nil {
		return nil, err
	}
	if u.stdout == "" {
		if err := u.checkPath(); err != nil {
			return nil, err
		}
	}
	return u, u.setSeries(&pod.Metadata)
}

// readSource reads what is to be uploaded. It reports whether anything is.
func (u *uploadRequest) readSource(annotations map[string]string, profile *profile.Profile) (asked bool, err error) {
	path, pathNamed := annotations[AnnotationUpload]
	stdout, stdoutNamed := annotations[AnnotationUploadStdout]
	_, completed := annotations[AnnotationCompletion]
	switch {
	case pathNamed && stdoutNamed:
		return false, Deny(ReasonInvalidAnnotation, fmt.Sprintf(
			"annotations %s and %s are both set: remove one", AnnotationUpload, AnnotationUploadStdout))
	case completed && (path == "false" || (!pathNamed && !stdoutNamed && profile.Spec.Uploader == nil)):
		return false, Deny(ReasonInvalidAnnotation, fmt.Sprintf(
			"annotation %s: the pod has no uploader: set %s to the directory that is to be uploaded, or remove %s",
			AnnotationCompletion, AnnotationUpload, AnnotationCompletion))
	case path == "false" || (!pathNamed && !stdoutNamed && profile.Spec.Uploader == nil):
		return false, nil
	}
	u.reason = ReasonInvalidAnnotation
	switch {
	case stdoutNamed:
		u.stdout, u.field = stdout, "annotation "+AnnotationUploadStdout
		if len(splitList(stdout)) == 0 {
			return false, Deny(u.reason, u.field+" is empty: write the name of a file, for example orders.dump")
		}
		u.spec.Completion = "" // That of the profile's spool.
	case pathNamed:
		u.path, u.field = path, "annotation "+AnnotationUpload
	case u.spec.Stdout != "":
		u.stdout, u.reason = u.spec.Stdout, ReasonInvalidProfile
		u.field = fmt.Sprintf("%s %s: spec.uploader.stdout", profile.Kind, profile)
	default:
		u.path, u.reason = u.spec.Path, ReasonInvalidProfile
		u.field = fmt.Sprintf("%s %s: spec.uploader.path", profile.Kind, profile)
	}
	return true, nil
}

// readCompletion reads who waits for the upload.
func (u *uploadRequest) readCompletion(pod *Pod) error {
	completion, completed := pod.Metadata.Annotations[AnnotationCompletion]
	if !completed {
		completion = cmp.Or(u.spec.Completion, u.defaultCompletion(pod))
	}
	switch uploader.Completion(completion) {
	case uploader.Wrap:
		u.wrap = true
	case uploader.Drain:
		if u.stdout != "" {
			return Deny(u.reason, fmt.Sprintf(
				"%s: completion %s cannot be used with a standard output, which is stored when its command has ended with 0: use %s",
				u.field, uploader.Drain, uploader.Wrap))
		}
	default:
		return Deny(ReasonInvalidAnnotation, fmt.Sprintf("annotation %s is %s: write %s or %s", AnnotationCompletion,
			message.Quote(completion), uploader.Drain, uploader.Wrap))
	}
	return nil
}

// checkPath denies a spool that no file could be found in, or that is Lighterman's own.
func (u *uploadRequest) checkPath() error {
	if !path.IsAbs(u.path) || path.Clean(u.path) == "/" || strings.ContainsAny(u.path, ":\x00") ||
		strings.Contains(u.path, "..") {
		return Deny(
			u.reason,
			fmt.Sprintf("%s is %s: write the absolute path of the directory that is to be uploaded, for example /backup",
				u.field, message.Quote(u.path)),
		)
	}
	u.path = path.Clean(u.path)
	for _, ours := range []string{MountPath, BundleMountPath, uploader.DefaultDirectory} {
		if isWithin(u.path, ours) || isWithin(ours, u.path) {
			return Deny(u.reason, fmt.Sprintf("%s is %s: Lighterman has files of its own in %s: choose another directory", u.field,
				message.Quote(u.path), ours))
		}
	}
	return nil
}

// defaultCompletion returns the completion of a pod for which none is set: a pod that ends must tell whether its backup is whole.
func (u *uploadRequest) defaultCompletion(pod *Pod) string {
	if u.wrapsByDefault = pod.ends(); u.wrapsByDefault || u.stdout != "" {
		return string(uploader.Wrap)
	}
	return string(uploader.Drain)
}

// completionMode returns the completion of the pod's annotation or the profile, or the default.
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
