package injector

import (
	"encoding/json"
	"slices"
	"strings"

	"gomodules.xyz/jsonpatch/v2"

	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
)

// stripPod returns the pod without what an earlier pass wrote, and the operations that remove that.
func stripPod(pod *Pod, added *Added) (*Pod, []jsonpatch.Operation, error) {
	s := stripper{added: added}
	stripped := *pod
	spec := &stripped.Spec
	var err error
	if spec.Volumes, err = s.stripVolumes(pod.Spec.Volumes); err != nil {
		return nil, nil, err
	}
	s.stripGracePeriod(spec)
	spec.Containers = s.stripContainers("containers", pod.Spec.Containers)
	spec.InitContainers = s.stripContainers("initContainers", pod.Spec.InitContainers)
	s.stripMetadata(&stripped.Metadata)
	if len(s.unproven) > 0 {
		return nil, nil, Deny(ReasonCollision, s.unproven...)
	}
	return &stripped, s.ops, nil
}

// stripVolumes removes the volumes with Lighterman's names. Another kind of volume with such a name is not Lighterman's.
func (s *stripper) stripVolumes(volumes []Volume) ([]Volume, error) {
	for i := range volumes {
		v := &volumes[i]
		_, own := ownVolumes[v.Name]
		if own && ((v.Name == VolumeName) != (v.Projected != nil) || v.Projected == nil && v.EmptyDir == nil) {
			return nil, denyForeignVolume(i, v.Name)
		}
	}
	return removeItems(s, "/spec/volumes", volumes, func(v *Volume) bool { _, own := ownVolumes[v.Name]; return own }), nil
}

// stripGracePeriod takes back the time that the pod was given for the drain.
func (s *stripper) stripGracePeriod(spec *PodSpec) {
	drain := formerDrain(spec.InitContainers)
	if grace := spec.TerminationGracePeriodSeconds; grace != nil && drain > 0 && *grace > drain {
		own := *grace - drain
		spec.TerminationGracePeriodSeconds = &own
		s.ops = append(s.ops, jsonpatch.NewOperation("replace", "/spec/terminationGracePeriodSeconds", own))
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

func (s *stripper) stripMetadata(m *Metadata) {
	var annotations, labels map[string]string
	if s.added != nil {
		annotations, labels = s.added.Annotations, s.added.Labels
	}
	m.Annotations = s.stripMap("/metadata/annotations", m.Annotations, func(key, value string) bool {
		return slices.Contains(profile.ConfigAnnotations[:], key) || isHashIn(annotations, key, value)
	})
	m.Labels = s.stripMap("/metadata/labels", m.Labels, func(key, value string) bool { return isHashIn(labels, key, value) })
	delete(m.Annotations, AnnotationInjected) // They are written anew: there is nothing to remove.
	delete(m.Annotations, AnnotationAdded)
}

func isHashIn(hashes map[string]string, key, value string) bool {
	hash, known := hashes[key]
	d := hashText("", value)
	return known && hash == string(d[:])
}

// stripMap returns a copy without the entries that are ours.
func (s *stripper) stripMap(path string, there map[string]string, ours func(key, value string) bool) map[string]string {
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
		s.removePath(path + "/" + strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1"))
	}
	return kept
}
