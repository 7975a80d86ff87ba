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

// certain reports whether the variable has a value in any case.
func (s presence) certain() bool { return s == maybeValue }

// possible reports whether the variable has a value in some case.
func (s presence) possible() bool { return s&maybeValue != 0 }

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
	// at are the places in list by name, where there are many.
	at map[string]int
	// prefixes are those of envFrom: each source may set what begins with its own.
	prefixes []string
}

// readOwn reads the container's variables as the kubelet does: in order, and the last entry of a name wins. An optional
// reference to what is not there is skipped, so that an earlier entry of the name remains, or one from envFrom
// (k8s.io/kubernetes v1.37.1 pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables).
func (p *plan) readOwn(t *target) *ownVariables {
	own := &p.own
	own.reset(len(t.Env))
	for i := range t.EnvFrom {
		own.prefixes = append(own.prefixes, t.EnvFrom[i].Prefix)
	}
	for i := range t.Env {
		v := own.find(t.Env[i].Name)
		if v == nil {
			v = own.add(t.Env[i].Name)
		}
		v.last, v.is = i, p.presenceOf(&t.Env[i], v.is)
	}
	return own
}

// fewVariables are looked for faster in a list than in a map.
const fewVariables = 24

// reset forgets the variables of another container; n is how many entries this one has.
func (own *ownVariables) reset(n int) {
	own.prefixes = own.prefixes[:0]
	if own.list = own.list[:0]; cap(own.list) < n {
		own.list = make([]ownVariable, 0, n)
	}
	switch {
	case n <= fewVariables:
		own.at = nil
	case own.at == nil:
		own.at = make(map[string]int, n)
	default:
		clear(own.at)
	}
}

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
	own.list = append(own.list, ownVariable{name: name, is: own.unset(name)})
	return &own.list[len(own.list)-1]
}

// unset is the presence of a variable that env does not set.
func (own *ownVariables) unset(name string) presence {
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

// presence is that of a variable in the container, before anything is injected.
func (own *ownVariables) presence(name string) presence {
	if v := own.find(name); v != nil {
		return v.is
	}
	return own.unset(name)
}

// presenceOf is the presence of a variable behind the entry; before is the one in front of it.
func (p *plan) presenceOf(env *corev1.EnvVar, before presence) presence {
	switch from := env.ValueFrom; {
	case env.Value == "$("+env.Name+")": // What stands in front of it, or the text.
		if before&maybeAbsent != 0 {
			return before&^maybeAbsent | maybeValue
		}
		return before
	case env.Value != "":
		return p.presenceOfText(env.Value)
	case from == nil:
		return maybeEmpty
	case isOptional(env):
		return before | maybeValue
	case from.FieldRef != nil && p.fieldMayBeEmpty(from.FieldRef.FieldPath):
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
func (p *plan) fieldMayBeEmpty(path string) bool {
	field, rest, _ := strings.Cut(path, "['")
	key := strings.TrimSuffix(rest, "']")
	switch field {
	case "metadata.annotations":
		return p.pod.Metadata.Annotations[key] == ""
	case "metadata.labels":
		return p.pod.Metadata.Labels[key] == ""
	}
	return false
}

// presenceOfText is the presence of a variable with a literal value. A value that holds only references is empty where
// they all are; a key that may be absent may also be there and empty. A reference to what is not set stays as it is written, so
// it says something (k8s.io/kubernetes v1.37.1 third_party/forked/golang/expansion), as one to what the profile fills in does.
func (p *plan) presenceOfText(text string) presence {
	is := maybeEmpty
	for text != "" {
		reference, isReference := strings.CutPrefix(text, "$(")
		name, rest, closed := strings.Cut(reference, ")")
		if !isReference || !closed {
			return maybeValue
		}
		text = rest
		_, injected := p.index[name]
		switch of := p.own.find(name); {
		case of == nil || injected || of.is.certain(): // One of the profile, of envFrom or of a service, or none; or it has a value.
			return maybeValue
		case of.is != maybeEmpty:
			is |= maybeValue
		}
	}
	return is
}
