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
	at   map[string]int // in list, by name
	// prefixes are those of envFrom: each source may set what begins with its own.
	prefixes []string
}

// readOwn reads the container's variables as the kubelet does: in order, and the last entry of a name wins. An optional
// reference to what is not there is skipped, so that an earlier entry of the name remains, or one from envFrom
// (k8s.io/kubernetes v1.37.1 pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables).
func (p *plan) readOwn(t *target) *ownVariables {
	own := &p.own
	own.list, own.prefixes = own.list[:0], own.prefixes[:0]
	if own.at == nil {
		own.at = make(map[string]int, len(t.Env))
	}
	clear(own.at)
	for i := range t.EnvFrom {
		own.prefixes = append(own.prefixes, t.EnvFrom[i].Prefix)
	}
	for i := range t.Env {
		name := t.Env[i].Name
		at, known := own.at[name]
		if !known {
			at = len(own.list)
			own.at[name] = at
			own.list = append(own.list, ownVariable{name: name, is: own.unset(name)})
		}
		v := &own.list[at]
		v.last, v.is = i, p.presenceOf(&t.Env[i], v.is)
	}
	return own
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
	if at, known := own.at[name]; known {
		return own.list[at].is
	}
	return own.unset(name)
}

// presenceOf is the presence of a variable behind the entry; before is the one in front of it.
func (p *plan) presenceOf(env *corev1.EnvVar, before presence) presence {
	switch from := env.ValueFrom; {
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
// they all are. A reference to what is not set stays as it is written, so it says something
// (k8s.io/kubernetes v1.37.1 third_party/forked/golang/expansion).
func (p *plan) presenceOfText(text string) presence {
	is := maybeEmpty
	for text != "" {
		reference, isReference := strings.CutPrefix(text, "$(")
		name, rest, closed := strings.Cut(reference, ")")
		if !isReference || !closed {
			return maybeValue
		}
		text = rest
		at, known := p.own.at[name]
		if !known { // A variable of the profile, of envFrom or of a service, or none.
			return maybeValue
		}
		switch of := p.own.list[at].is; {
		case of&maybeEmpty == 0:
			return maybeValue
		case of != maybeEmpty:
			is |= maybeValue
		}
	}
	return is
}
