package injector

import (
	"encoding/json"

	"gomodules.xyz/jsonpatch/v2"
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
	// added proves the variables; nil: they were written by a version without such a record, or there were too many.
	added *Added
	// pod is the pod without the earlier additions, and ops remove them.
	pod *Pod
	ops []jsonpatch.Operation
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

// readFormer finds out whether the pod was injected before; nil: it was not. What a pass of the same plan wrote stays;
// what another wrote is taken away.
func readFormer(pod *Pod, hash string) (*former, error) {
	f := findFormer(&pod.Metadata)
	if f == nil {
		return nil, nil
	}
	if f.added != nil && f.added.Plan == hash {
		f.isCurrent, f.pod = true, pod
		return f, nil
	}
	var err error
	f.pod, f.ops, err = stripPod(pod, f.added)
	return f, err
}

// earlierRecord returns what an earlier pass of the same plan wrote; nil: there was none.
func (f *former) earlierRecord() *Added {
	if f == nil || !f.isCurrent {
		return nil
	}
	return f.added
}

// isReplaced reports whether there was an earlier pass, of another plan.
func (f *former) isReplaced() bool { return f != nil && !f.isCurrent }

// removals returns the operations that remove what the earlier pass wrote.
func (f *former) removals() []jsonpatch.Operation {
	if f == nil {
		return nil
	}
	return f.ops
}
