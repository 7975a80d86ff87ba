package injector

import (
	"fmt"
	"slices"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
)

// sharedEnv is an environment that several containers get, and the size of its JSON.
type sharedEnv struct {
	env  []corev1.EnvVar
	size int
}

// maxShared is how many environments are kept to be shared. As a rule all containers of a pod get the same, and the others
// one or two.
const maxShared = 4

// The sizes of what is written around a value.
const (
	operationSize = len(`{"op":"add","path":"/spec/initContainers/99999/volumeMounts/99999","value":},`)
	variableSize  = len(`{"name":"","value":""},`)
	referenceSize = len(`{"name":"","valueFrom":{"secretKeyRef":{"name":"","key":"","optional":false}}},`)
	mountSize     = len(`{"name":"","readOnly":true,"mountPath":"","subPath":""},`)
)

// measure adds what the target is given to the size of the patch, and denies the pod when that is too large. Containers with
// the same environment share its memory, and the encoder writes it by copying.
func (p *plan) measure(t *target) error {
	size := p.shareEnv(t)
	operations := 3 + 2*len(t.fills) + len(t.shut)
	if len(t.Env) > 0 { // One by one, in front of the container's own and behind them.
		operations += len(t.env) + len(t.tail)
	}
	size += envSize(t.tail) + envSize(t.shut) + envSize(t.filled())
	for i := range t.mounts {
		size += mountSize + jsonSize(t.mounts[i].Name) + jsonSize(t.mounts[i].MountPath) + jsonSize(t.mounts[i].SubPath)
	}
	for _, word := range t.command {
		size += len(`"",`) + jsonSize(word)
	}
	if p.size += size + operations*operationSize; p.size <= maxPatch {
		return nil
	}
	return Deny(ReasonTooLarge, fmt.Sprintf(
		"the pod has %d containers, and what they would be given has more than %d KiB, which together with the pod cannot be stored: name those that need the store in annotation %s, or shorten spec.env of %s %s",
		len(p.pod.Spec.InitContainers)+len(p.pod.Spec.Containers), maxPatch>>10, AnnotationContainers, p.profile.Kind, p.profile))
}

// shareEnv has the target share its environment with one that is equal, and returns the size of it.
func (p *plan) shareEnv(t *target) int {
	for i := range p.shared {
		if shared := &p.shared[i]; slices.Equal(t.env, shared.env) {
			t.env = shared.env
			return shared.size
		}
	}
	size := envSize(t.env)
	if len(p.shared) < maxShared {
		p.shared = append(p.shared, sharedEnv{env: t.env, size: size})
	}
	return size
}

func envSize(env []corev1.EnvVar) int {
	size := 0
	for i := range env {
		e := &env[i]
		size += variableSize + jsonSize(e.Name) + jsonSize(e.Value)
		if from := e.ValueFrom; from != nil && from.SecretKeyRef != nil {
			size += referenceSize + jsonSize(from.SecretKeyRef.Name) + jsonSize(from.SecretKeyRef.Key)
		}
	}
	return size
}

// jsonSize returns the length of text in a JSON string, without its quotes, as the patch is encoded.
func jsonSize(text string) int {
	size := len(text)
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"' || c == '\\':
			size++
		case c < ' ' || c == '<' || c == '>' || c == '&':
			size += len(`\u0000`) - 1
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
				size += len(`\u2028`) - n
			}
			i += n
			continue
		}
		i++
	}
	return size
}
