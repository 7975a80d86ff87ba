package injector

import (
	"strconv"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
)

// patch turns the plan into operations, the only place that knows JSON paths. Each is an "add": of one item where the
// list is there, of the list where it is not. Items of env go to its front, one by one in order, so that the
// container's own variables can refer to them.
func (p *plan) patch(record string) []jsonpatch.Operation {
	ops := make([]jsonpatch.Operation, 0, 4+len(p.targets)*(len(p.vars)+1))
	ops = p.patchVolumes(ops)
	for _, t := range p.targets {
		at := "/spec/" + t.list + "/" + strconv.Itoa(t.index)
		if len(t.Env) == 0 && len(t.env) > 0 {
			ops = append(ops, add(at+"/env", t.env))
		} else {
			for i := range t.env {
				ops = append(ops, add(at+"/env/"+strconv.Itoa(i), &t.env[i]))
			}
		}
		ops = appendItems(ops, at+"/env", len(t.Env), t.tail)
		ops = appendItems(ops, at+"/volumeMounts", len(t.VolumeMounts), t.mounts)
	}
	// Last: it moves the other init containers, whose operations name them by index.
	if p.appendCA && !hasContainer(p.pod.Spec.InitContainers, BundleContainerName) {
		if container := p.bundleContainer(); len(p.pod.Spec.InitContainers) == 0 {
			ops = append(ops, add("/spec/initContainers", []corev1.Container{container}))
		} else {
			ops = append(ops, add("/spec/initContainers/0", &container))
		}
	}
	ops = patchMap(ops, "/metadata/labels", p.pod.Metadata.Labels, p.label)
	return p.patchAnnotations(ops, record)
}

func (p *plan) patchVolumes(ops []jsonpatch.Operation) []jsonpatch.Operation {
	var volumes []corev1.Volume
	if p.needed() && !p.hasVolume {
		volumes = append(volumes, p.volume())
	}
	if p.appendCA && !p.hasBundle {
		volumes = append(volumes, bundleVolume())
	}
	return appendItems(ops, "/spec/volumes", len(p.pod.Spec.Volumes), volumes)
}

func (p *plan) patchAnnotations(ops []jsonpatch.Operation, record string) []jsonpatch.Operation {
	there := p.pod.Metadata.Annotations
	entries := make([]entry, 0, 2+len(p.keep))
	if p.document != "" && there[AnnotationGCPCredentials] == "" {
		entries = append(entries, entry{AnnotationGCPCredentials, p.document})
	}
	if there[AnnotationInjected] != record {
		entries = append(entries, entry{AnnotationInjected, record})
	}
	return patchMap(ops, "/metadata/annotations", there, append(entries, p.keep...))
}

// entry is one of a map of labels or annotations.
type entry struct{ key, value string }

// patchMap adds entries to a map.
func patchMap(ops []jsonpatch.Operation, path string, there map[string]string, entries []entry) []jsonpatch.Operation {
	if len(there) == 0 && len(entries) > 0 {
		whole := make(map[string]string, len(entries))
		for _, e := range entries {
			whole[e.key] = e.value
		}
		return append(ops, add(path, whole))
	}
	for _, e := range entries {
		// A slash in a key is written ~1 (RFC 6901).
		ops = append(ops, add(path+"/"+strings.ReplaceAll(e.key, "/", "~1"), e.value))
	}
	return ops
}

// appendItems adds items behind the last one of a list that has the given length.
func appendItems[T any](ops []jsonpatch.Operation, list string, length int, items []T) []jsonpatch.Operation {
	if length == 0 && len(items) > 0 {
		return append(ops, add(list, items))
	}
	for i := range items {
		ops = append(ops, add(list+"/-", &items[i]))
	}
	return ops
}

func add(path string, value any) jsonpatch.Operation {
	return jsonpatch.NewOperation("add", path, value)
}
