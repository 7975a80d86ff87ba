package injector

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// presence is the set of what a variable may be when a container's programs start, as far as the pod tells.
type presence uint8

const (
	maybeAbsent presence = 1 << iota // not set at all
	maybeEmpty                       // set, to the empty string
	maybeValue                       // set to something
)

// isCertain reports whether the variable has a value in any case.
func (s presence) isCertain() bool { return s == maybeValue }

// isPossible reports whether the variable has a value in some case.
func (s presence) isPossible() bool { return s&maybeValue != 0 }

// ownVariable is a variable that a container sets itself.
type ownVariable struct {
	name string
	// last is the index of its last entry in env: that one counts.
	last int
	is   presence
}

// ownVariables are those of a container, each once.
type ownVariables struct {
	list []ownVariable
	// at are the places in list by name; nil where the list has few.
	at map[string]int
	// prefixes are those of envFrom: each source may set what begins with its own.
	prefixes []string
}

// envReader reads the variables of containers.
type envReader struct {
	metadata *Metadata // the pod's
	desired  *desired
	own      *ownVariables // of the container at hand
}

// readOwnVariables reads the container's variables as the kubelet does: in order, and the last entry of a name wins. An
// optional reference to a missing object is skipped, so that an earlier entry of the name remains, or one from envFrom
// (k8s.io/kubernetes v1.37.1 pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables). The list is made in space.
func readOwnVariables(c *Container, m *Metadata, d *desired, space []ownVariable) ownVariables {
	own := ownVariables{list: space}
	if len(c.Env) > fewVariables {
		own.at = make(map[string]int, len(c.Env))
	}
	for i := range c.EnvFrom {
		own.prefixes = append(own.prefixes, c.EnvFrom[i].Prefix)
	}
	r := envReader{metadata: m, desired: d, own: &own}
	for i := range c.Env {
		v := own.find(c.Env[i].Name)
		if v == nil {
			v = own.add(c.Env[i].Name)
		}
		v.last, v.is = i, r.presenceAfter(&c.Env[i], v.is)
	}
	return own
}

// fewVariables are looked for faster in a list than in a map.
const fewVariables = 24

// find returns the container's variable of a name; nil: it sets none.
func (own *ownVariables) find(name string) *ownVariable {
	if own.at != nil {
		if at, known := own.at[name]; known {
			return &own.list[at]
		}
		return nil
	}
	for i := range own.list {
		if own.list[i].name == name {
			return &own.list[i]
		}
	}
	return nil
}

// add adds a variable that find does not find.
func (own *ownVariables) add(name string) *ownVariable {
	if own.at != nil {
		own.at[name] = len(own.list)
	}
	own.list = append(own.list, ownVariable{name: name, is: own.presenceWhenUnset(name)})
	return &own.list[len(own.list)-1]
}

// presenceWhenUnset returns the presence of a variable that env does not set.
func (own *ownVariables) presenceWhenUnset(name string) presence {
	if own.maySetFrom(name) {
		return maybeAbsent | maybeEmpty | maybeValue
	}
	return maybeAbsent
}

// maySetFrom reports whether envFrom may set the variable.
func (own *ownVariables) maySetFrom(name string) bool {
	for _, prefix := range own.prefixes {
		if len(prefix) < len(name) && strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// presenceOf returns that of a variable in the container, before anything is injected.
func (own *ownVariables) presenceOf(name string) presence {
	if v := own.find(name); v != nil {
		return v.is
	}
	return own.presenceWhenUnset(name)
}

// presenceAfter returns the presence of a variable behind the entry; before is the one in front of it.
func (r *envReader) presenceAfter(env *corev1.EnvVar, before presence) presence {
	switch from := env.ValueFrom; {
	case env.Value == "$("+env.Name+")": // What stands in front of it, or the text.
		if before&maybeAbsent != 0 {
			return before&^maybeAbsent | maybeValue
		}
		return before
	case env.Value != "":
		return r.presenceOfText(env.Value)
	case from == nil:
		return maybeEmpty
	case isOptional(env):
		return before | maybeValue
	case from.FieldRef != nil && r.fieldMayBeEmpty(from.FieldRef.FieldPath):
		return maybeEmpty | maybeValue
	}
	return maybeValue
}

// isOptional reports whether the kubelet skips the entry where what it refers to is not there.
func isOptional(env *corev1.EnvVar) bool {
	from := env.ValueFrom
	if from == nil || env.Value != "" {
		return false
	}
	var optional *bool
	switch {
	case from.SecretKeyRef != nil:
		optional = from.SecretKeyRef.Optional
	case from.ConfigMapKeyRef != nil:
		optional = from.ConfigMapKeyRef.Optional
	case from.FileKeyRef != nil:
		optional = from.FileKeyRef.Optional
	}
	return optional != nil && *optional
}

// fieldMayBeEmpty reports whether a field of the pod, as fieldRef names it, is a label or an annotation without a value:
// the variable is then empty (k8s.io/kubernetes v1.37.1 pkg/fieldpath).
func (r *envReader) fieldMayBeEmpty(path string) bool {
	field, rest, _ := strings.Cut(path, "['")
	key := strings.TrimSuffix(rest, "']")
	switch field {
	case "metadata.annotations":
		return r.metadata.Annotations[key] == ""
	case "metadata.labels":
		return r.metadata.Labels[key] == ""
	}
	return false
}

// presenceOfText returns the presence of a variable with a literal value. A value that holds only references is empty
// where they all are; a key that may be absent may also be there and empty. A reference to what is not set stays as it
// is written, so it has a value (k8s.io/kubernetes v1.37.1 third_party/forked/golang/expansion), as one to what the
// profile fills in does.
func (r *envReader) presenceOfText(text string) presence {
	is := maybeEmpty
	for text != "" {
		reference, isReference := strings.CutPrefix(text, "$(")
		name, rest, closed := strings.Cut(reference, ")")
		if !isReference || !closed {
			return maybeValue
		}
		text = rest
		switch of := r.own.find(name); {
		// One of the profile, of envFrom or of a service, or none; or it has a value.
		case of == nil || r.desired.injects(name) || of.is.isCertain():
			return maybeValue
		case of.is != maybeEmpty:
			is |= maybeValue
		}
	}
	return is
}
