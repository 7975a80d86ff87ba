package injector

import (
	"strconv"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"
)

// patcher turns additions into operations, the only place that knows JSON paths. Each is an "add": of one item where the
// list exists, of the list where it does not, of the value of a variable that has none. Items of env go to its front, one
// by one in order, so that the container's own variables can refer to them.
type patcher struct {
	ops []jsonpatch.Operation
	// paths are those of the containers' operations.
	paths arena
}

// buildPatch returns the operations that add to the pod what it is given.
func buildPatch(pod *Pod, given *additions) []jsonpatch.Operation {
	p := patcher{ops: make([]jsonpatch.Operation, 0, countOperations(given))}
	appendItems(&p, "/spec/volumes", len(pod.Spec.Volumes), given.volumes)
	p.paths.text.Grow(cap(p.ops) * len("/spec/initContainers/00/env/00"))
	for i := range given.containers {
		if c := &given.containers[i]; !c.isEmpty() {
			p.addContainer(c)
		}
	}
	// Last: they move the other init containers, whose operations name them by index.
	p.addInitContainers(pod, given)
	if given.gracePeriod != nil {
		p.add("/spec/terminationGracePeriodSeconds", *given.gracePeriod)
	}
	p.addEntries("/metadata/labels", pod.Metadata.Labels, given.labels)
	p.addEntries("/metadata/annotations", pod.Metadata.Annotations, given.annotations)
	return p.ops
}

// countOperations returns about how many operations there will be.
func countOperations(given *additions) int {
	n := len(given.volumes) + len(given.uploader) + len(given.labels) + len(given.annotations) + 2
	for i := range given.containers {
		c := &given.containers[i]
		n += len(c.front) + len(c.behind) + len(c.fills) + len(c.shut) + len(c.mounts) + 1
	}
	return n
}

func (p *patcher) add(path string, value any) {
	p.ops = append(p.ops, jsonpatch.NewOperation("add", path, value))
}

// addContainer adds what a container is given.
func (p *patcher) addContainer(c *containerAdditions) {
	at := p.paths.concat("/spec/", c.list, "/", strconv.Itoa(c.index))
	env := p.paths.concat(at, "/env")
	p.fillIn(env, c) // First: what follows moves the entries.
	if len(c.Env) == 0 && len(c.front) > 0 {
		p.add(env, c.front)
	} else {
		for i := range c.front {
			p.add(p.paths.concat(env, "/", strconv.Itoa(i)), &c.front[i])
		}
	}
	appendItems(p, env, len(c.Env)+len(c.front), c.behind)
	appendItems(p, env, len(c.Env)+len(c.front)+len(c.behind), c.shut)
	if len(c.mounts) > 0 {
		appendItems(p, p.paths.concat(at, "/volumeMounts"), len(c.VolumeMounts), c.mounts)
	}
	if c.command != nil {
		p.add(at+"/command", c.command) // Replaces the container's own, which it has.
	}
}

// fillIn sets the value of entries of env that have none. An "add" of a member that exists replaces it (RFC 6902, 4.1).
func (p *patcher) fillIn(env string, c *containerAdditions) {
	for _, f := range c.fills {
		path := p.paths.concat(env, "/", strconv.Itoa(f.at))
		if f.env.ValueFrom == nil {
			p.add(path+"/value", f.env.Value)
			continue
		}
		if c.Env[f.at].Value != "" { // References to what is empty; an entry has either.
			p.add(path+"/value", "")
		}
		p.add(path+"/valueFrom", f.env.ValueFrom)
	}
}

// addInitContainers adds Lighterman's own: the one that joins the CA bundles first, as the others read its file; the
// uploader's behind the last native sidecar.
func (p *patcher) addInitContainers(pod *Pod, given *additions) {
	var first []corev1.Container
	if given.bundler != nil {
		first = []corev1.Container{*given.bundler}
	}
	const list = "/spec/initContainers"
	if len(pod.Spec.InitContainers) == 0 && len(first)+len(given.uploader) > 0 {
		p.add(list, append(first, given.uploader...))
		return
	}
	insertItems(p, list, given.uploaderIndex, given.uploader)
	insertItems(p, list, 0, first)
}

// addEntries adds entries to a map.
func (p *patcher) addEntries(path string, existing map[string]string, entries []entry) {
	if len(existing) == 0 && len(entries) > 0 {
		whole := make(map[string]string, len(entries))
		for _, e := range entries {
			whole[e.key] = e.value
		}
		p.add(path, whole)
		return
	}
	for _, e := range entries {
		// A slash in a key is written ~1 (RFC 6901).
		p.add(path+"/"+strings.ReplaceAll(e.key, "/", "~1"), e.value)
	}
}

// appendItems adds items behind the last one of a list that has the given length.
func appendItems[T any](p *patcher, list string, length int, items []T) {
	if len(items) == 0 {
		return
	}
	if length == 0 {
		p.add(list, items)
		return
	}
	end := list + "/-"
	for i := range items {
		p.add(end, &items[i])
	}
}

// insertItems adds items to a list that has some, the first of them at the index.
func insertItems[T any](p *patcher, list string, index int, items []T) {
	for i := range items {
		p.add(list+"/"+strconv.Itoa(index+i), &items[i])
	}
}
