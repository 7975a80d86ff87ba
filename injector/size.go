package injector

import (
	"fmt"
	"slices"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
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
	referenceSize = len(`{"name":"","valueFrom":{"configMapKeyRef":{"name":"","key":"","optional":false}}},`)
	mountSize     = len(`{"name":"","readOnly":true,"mountPath":"","subPath":""},`)
)

// patchSize is an upper bound of the patch for the containers.
type patchSize struct {
	bytes  int
	shared []sharedEnv
}

// addContainer adds what a container is given. Containers with the same environment share its memory then, and the
// encoder writes it by copying.
func (s *patchSize) addContainer(c *containerAdditions) {
	var size int
	c.front, size = s.shareEnv(c.front)
	operations := 3 + 2*len(c.fills) + len(c.shut)
	if len(c.Env) > 0 { // One by one, in front of the container's own and behind them.
		operations += len(c.front) + len(c.behind)
	}
	size += envSize(c.behind) + envSize(c.shut) + envSize(c.filledVars())
	for i := range c.mounts {
		size += mountSize + jsonSize(c.mounts[i].Name) + jsonSize(c.mounts[i].MountPath) + jsonSize(c.mounts[i].SubPath)
	}
	for _, word := range c.command {
		size += len(`"",`) + jsonSize(word)
	}
	s.bytes += size + operations*operationSize
}

// denyTooLarge denies the pod whose patch could not be stored.
func denyTooLarge(pod *Pod, prof *profile.Profile) error {
	return Deny(ReasonTooLarge, fmt.Sprintf(
		"the pod has %d containers, and what they would be given has more than %d KiB, which together with the pod cannot be stored: name those that need the store in annotation %s, or shorten spec.env of %s %s",
		len(pod.Spec.InitContainers)+len(pod.Spec.Containers), maxPatch>>10, AnnotationContainers, prof.Kind, prof))
}

// shareEnv returns an equal environment that another container has got, or env itself, and its size.
func (s *patchSize) shareEnv(env []corev1.EnvVar) ([]corev1.EnvVar, int) {
	for i := range s.shared {
		if shared := &s.shared[i]; slices.Equal(env, shared.env) {
			return shared.env, shared.size
		}
	}
	size := envSize(env)
	if len(s.shared) < maxShared {
		s.shared = append(s.shared, sharedEnv{env: env, size: size})
	}
	return env, size
}

func envSize(env []corev1.EnvVar) int {
	size := 0
	for i := range env {
		e := &env[i]
		size += variableSize + jsonSize(e.Name) + jsonSize(e.Value)
		if from := e.ValueFrom; from != nil && from.SecretKeyRef != nil {
			size += referenceSize + jsonSize(from.SecretKeyRef.Name) + jsonSize(from.SecretKeyRef.Key)
		} else if from != nil && from.ConfigMapKeyRef != nil {
			size += referenceSize + jsonSize(from.ConfigMapKeyRef.Name) + jsonSize(from.ConfigMapKeyRef.Key)
		} else if from != nil && from.FieldRef != nil {
			size += referenceSize + jsonSize(from.FieldRef.FieldPath)
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
