package injector

import (
	"encoding/json"
	"slices"
	"strings"

	"gomodules.xyz/jsonpatch/v2"

	"lighterman.dev/lighterman/uploader"
)

// former is what an earlier injection has left in a pod: in one that was restored from a backup or copied from a pod that
// ran, or between two passes of one admission.
//
// What proves it, an annotation, can be forged by whoever writes the pod. It is therefore never a reason to add or to keep
// anything: what it names is removed, and the pod is then injected as one that never was. A forged one removes lines that
// its author could have left out.
type former struct {
	// record is that of the earlier pass, for messages.
	record Record
	// isCurrent: that pass had the same plan, so nothing of it is removed.
	isCurrent bool
	// added proves the variables; nil: they were written by a version that did not say, or there were too many.
	added *Added
	// pod is the pod without the earlier additions, and ops remove them.
	pod *Pod
	ops []jsonpatch.Operation
	// unproven are problems: lines of which nothing says whose they are.
	unproven []string
}

// findFormer returns what an earlier injection has left; nil: the pod was not injected before.
func findFormer(m *Metadata) *former {
	text, set := m.Annotations[AnnotationInjected]
	if !set {
		return nil
	}
	f := &former{}
	if json.Unmarshal([]byte(text), &f.record) != nil {
		f.record = Record{}
	}
	var added Added
	if json.Unmarshal([]byte(m.Annotations[AnnotationAdded]), &added) == nil {
		f.added = &added
	}
	return f
}

// readFormer finds out whether the pod was injected before; nil: it was not. What a pass of the same plan wrote stays; what
// another wrote is taken away.
func readFormer(pod *Pod, hash string) (*former, error) {
	f := findFormer(&pod.Metadata)
	if f == nil {
		return nil, nil
	}
	if f.added != nil && f.added.Plan == hash {
		f.isCurrent, f.pod = true, pod
		return f, nil
	}
	return f, f.strip(pod)
}

// earlier returns what an earlier pass of the same plan wrote; nil: there was none.
func (f *former) earlier() *Added {
	if f == nil || !f.isCurrent {
		return nil
	}
	return f.added
}

// isReplaced reports whether there was an earlier pass, of another plan.
func (f *former) isReplaced() bool { return f != nil && !f.isCurrent }

// operations returns the operations that remove what the earlier pass wrote.
func (f *former) operations() []jsonpatch.Operation {
	if f == nil {
		return nil
	}
	return f.ops
}

// knowsVariables reports whether the variables of the earlier pass are known.
func (f *former) knowsVariables() bool { return f.added != nil && len(f.added.Env) > 0 }

// strip fills in the pod without the earlier additions.
func (f *former) strip(pod *Pod) error {
	stripped := *pod
	f.pod = &stripped
	spec := &stripped.Spec
	var err error
	if spec.Volumes, err = f.stripVolumes(pod.Spec.Volumes); err != nil {
		return err
	}
	f.stripGracePeriod(spec)
	spec.Containers = f.stripContainers("containers", pod.Spec.Containers)
	spec.InitContainers = f.stripContainers("initContainers", pod.Spec.InitContainers)
	f.stripMetadata(&stripped.Metadata)
	if len(f.unproven) > 0 {
		return Deny(ReasonCollision, f.unproven...)
	}
	return nil
}

// stripVolumes removes the volumes with Lighterman's names. Another kind of volume with such a name is not Lighterman's.
func (f *former) stripVolumes(volumes []Volume) ([]Volume, error) {
	for i := range volumes {
		v := &volumes[i]
		if _, own := ownVolumes[v.Name]; own && (v.Name == VolumeName) != (v.Projected != nil) || own && v.Projected == nil && v.EmptyDir == nil {
			return nil, denyForeignVolume(i, v.Name)
		}
	}
	return removeItems(f, "/spec/volumes", volumes, func(v *Volume) bool { _, own := ownVolumes[v.Name]; return own }), nil
}

// stripGracePeriod takes back the time that the pod was given for the drain.
func (f *former) stripGracePeriod(spec *PodSpec) {
	drain := formerDrain(spec.InitContainers)
	if grace := spec.TerminationGracePeriodSeconds; grace != nil && drain > 0 && *grace > drain {
		own := *grace - drain
		spec.TerminationGracePeriodSeconds = &own
		f.ops = append(f.ops, jsonpatch.NewOperation("replace", "/spec/terminationGracePeriodSeconds", own))
	}
}

// formerDrain returns the drain timeout that the earlier sidecar was configured with; zero: there is none.
func formerDrain(containers []Container) int64 {
	for i := range containers {
		if containers[i].Name != UploaderContainerName {
			continue
		}
		for _, e := range containers[i].Env {
			var config struct {
				DrainTimeoutSeconds int64 `json:"drainTimeoutSeconds"`
			}
			if e.Name == uploader.EnvConfig && json.Unmarshal([]byte(e.Value), &config) == nil {
				return config.DrainTimeoutSeconds
			}
		}
	}
	return 0
}

func (f *former) stripMetadata(m *Metadata) {
	var annotations, labels map[string]string
	if f.added != nil {
		annotations, labels = f.added.Annotations, f.added.Labels
	}
	m.Annotations = f.stripMap("/metadata/annotations", m.Annotations, func(key, value string) bool {
		return key == AnnotationGCPCredentials || isHash(annotations, key, value)
	})
	m.Labels = f.stripMap("/metadata/labels", m.Labels, func(key, value string) bool { return isHash(labels, key, value) })
	delete(m.Annotations, AnnotationInjected) // They are written anew: there is nothing to remove.
	delete(m.Annotations, AnnotationAdded)
}

func isHash(hashes map[string]string, key, value string) bool {
	hash, known := hashes[key]
	d := hashText("", value)
	return known && hash == string(d[:])
}

// stripMap returns a copy without the entries that are ours.
func (f *former) stripMap(path string, there map[string]string, ours func(key, value string) bool) map[string]string {
	kept := make(map[string]string, len(there))
	var gone []string
	for key, value := range there {
		if ours(key, value) {
			gone = append(gone, key)
		} else {
			kept[key] = value
		}
	}
	slices.Sort(gone)
	for _, key := range gone {
		f.remove(path + "/" + strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1"))
	}
	return kept
}
