package injector

import (
	"strconv"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
)

// patch turns the plan into operations, the only place that knows JSON paths. Each is an "add": of one item where the
// list is there, of the list where it is not, of the value of a variable that has none. Items of env go to its front, one
// by one in order, so that the container's own variables can refer to them.
func (p *plan) patch(record string) []jsonpatch.Operation {
	ops := make([]jsonpatch.Operation, 0, 8+len(p.targets)*(len(p.Vars)+2))
	ops = p.patchVolumes(ops)
	var paths arena
	paths.text.Grow(cap(ops) * len("/spec/initContainers/00/env/00"))
	for _, t := range p.targets {
		ops = patchContainer(ops, &paths, t)
	}
	// Last: they move the other init containers, whose operations name them by index.
	ops = p.patchInitContainers(ops)
	if p.addsUploader() {
		ops = append(ops, add("/spec/terminationGracePeriodSeconds", p.grace()))
	}
	ops = patchMap(ops, "/metadata/labels", p.pod.Metadata.Labels, p.label)
	return p.patchAnnotations(ops, record)
}

// patchContainer adds what a container is given.
func patchContainer(ops []jsonpatch.Operation, paths *arena, t *target) []jsonpatch.Operation {
	at := paths.concat("/spec/", t.list, "/", strconv.Itoa(t.index))
	env := paths.concat(at, "/env")
	ops = fillIn(ops, paths, env, t) // First: what follows moves the entries.
	if len(t.Env) == 0 && len(t.env) > 0 {
		ops = append(ops, add(env, t.env))
	} else {
		for i := range t.env {
			ops = append(ops, add(paths.concat(env, "/", strconv.Itoa(i)), &t.env[i]))
		}
	}
	ops = appendItems(ops, env, len(t.Env)+len(t.env), t.tail)
	ops = appendItems(ops, env, len(t.Env)+len(t.env)+len(t.tail), t.shut)
	if len(t.mounts) > 0 {
		ops = appendItems(ops, paths.concat(at, "/volumeMounts"), len(t.VolumeMounts), t.mounts)
	}
	if t.command != nil {
		ops = append(ops, add(at+"/command", t.command)) // Replaces the container's own, which it has.
	}
	return ops
}

// fillIn gives entries of env that say nothing a value. An "add" of a member that is there replaces it (RFC 6902, 4.1).
func fillIn(ops []jsonpatch.Operation, paths *arena, env string, t *target) []jsonpatch.Operation {
	for _, f := range t.fills {
		entry := paths.concat(env, "/", strconv.Itoa(f.at))
		if f.env.ValueFrom == nil {
			ops = append(ops, add(entry+"/value", f.env.Value))
			continue
		}
		if t.Env[f.at].Value != "" { // References to what is empty; an entry has either.
			ops = append(ops, add(entry+"/value", ""))
		}
		ops = append(ops, add(entry+"/valueFrom", f.env.ValueFrom))
	}
	return ops
}

// patchInitContainers adds Lighterman's own: the one that joins the CA bundles first, as the others read its file; the
// uploader's behind the last native sidecar.
func (p *plan) patchInitContainers(ops []jsonpatch.Operation) []jsonpatch.Operation {
	var first, behind []corev1.Container
	if p.appendCA && !hasContainer(p.pod.Spec.InitContainers, BundleContainerName) {
		first = []corev1.Container{p.bundleContainer()}
	}
	if p.addsUploader() {
		behind = p.uploadContainers()
	}
	if len(p.pod.Spec.InitContainers) == 0 && len(first)+len(behind) > 0 {
		return append(ops, add("/spec/initContainers", append(first, behind...)))
	}
	ops = insertItems(ops, "/spec/initContainers", p.sidecarIndex(), behind)
	return insertItems(ops, "/spec/initContainers", 0, first)
}

func (p *plan) patchVolumes(ops []jsonpatch.Operation) []jsonpatch.Operation {
	var volumes []corev1.Volume
	if p.needed() && !p.hasVolume {
		volumes = append(volumes, p.volume())
	}
	if p.appendCA && !p.hasBundle {
		volumes = append(volumes, bundleVolume())
	}
	if p.upload != nil {
		volumes = append(volumes, p.uploadVolumes()...)
	}
	return appendItems(ops, "/spec/volumes", len(p.pod.Spec.Volumes), volumes)
}

func (p *plan) patchAnnotations(ops []jsonpatch.Operation, record string) []jsonpatch.Operation {
	there := p.pod.Metadata.Annotations
	entries := make([]entry, 0, 3+len(p.keep))
	if p.document != "" && there[AnnotationGCPCredentials] == "" {
		entries = append(entries, entry{AnnotationGCPCredentials, p.document})
	}
	if there[AnnotationInjected] != record {
		entries = append(entries, entry{AnnotationInjected, record})
	}
	if p.added != "" && there[AnnotationAdded] != p.added {
		entries = append(entries, entry{AnnotationAdded, p.added})
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
	if len(items) == 0 {
		return ops
	}
	end := list + "/-"
	for i := range items {
		ops = append(ops, add(end, &items[i]))
	}
	return ops
}

// insertItems adds items to a list that has some, the first of them at the index.
func insertItems[T any](ops []jsonpatch.Operation, list string, index int, items []T) []jsonpatch.Operation {
	for i := range items {
		ops = append(ops, add(list+"/"+strconv.Itoa(index+i), &items[i]))
	}
	return ops
}

func add(path string, value any) jsonpatch.Operation {
	return jsonpatch.NewOperation("add", path, value)
}
