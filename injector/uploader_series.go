package injector

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/uploader"
)

// labelCompletionIndex is the number of a pod of an indexed Job (k8s.io/api v0.37.1 batch/v1 JobCompletionIndexAnnotation): an
// annotation, and since Kubernetes 1.28 a label, too.
const labelCompletionIndex = "batch.kubernetes.io/job-completion-index"

// kindStatefulSet is the kind of the owners whose pods have each its own data.
const kindStatefulSet = "StatefulSet"

// setSeries finds the name that the pod's runs share with those of the same workload: that of the annotation, the profile or
// the workload.
func (u *uploadRequest) setSeries(m *Metadata) error {
	if name, set := m.Annotations[AnnotationSeries]; set {
		if !uploader.IsSeries(name) {
			return Deny(ReasonInvalidAnnotation, fmt.Sprintf("annotation %s is %s: %s", AnnotationSeries, message.Quote(name),
				uploader.SeriesFormat))
		}
		u.series = name
		return nil
	}
	if u.series = u.spec.Series; u.series != "" {
		return nil // The profile's checks know its format.
	}
	owner, err := u.findSeries(m)
	if u.series = owner; owner != uploader.PodPlaceholder {
		u.series = uploader.SeriesName(owner)
	}
	return err
}

// findSeries returns the name of what the pod belongs to, or the pod's own. Pods with data of their own are apart: those of a
// StatefulSet, and of an indexed Job.
func (u *uploadRequest) findSeries(m *Metadata) (string, error) {
	workload, err := workloadOf(m)
	var none errNoWorkload
	switch owner := controllerOf(m); {
	case errors.As(err, &none):
		if owner != nil {
			u.otherSeriesPerRun = string(none)
		}
		return cmp.Or(m.Name, strings.TrimRight(m.GenerateName, "-.")), nil
	case err != nil:
		return "", err
	case owner != nil && owner.Kind == kindStatefulSet && workload == owner.Name:
		return cmp.Or(m.Name, uploader.PodPlaceholder), nil
	case owner == nil && m.Name != "" && m.Labels[labelStatefulSetPod] == m.Name && strings.HasPrefix(m.Name, workload+"-"):
		return m.Name, nil // It has lost its owner.
	}
	if index := cmp.Or(m.Labels[labelCompletionIndex], m.Annotations[labelCompletionIndex]); index != "" {
		return workload + "." + index, nil
	}
	return workload, nil
}
