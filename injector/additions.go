package injector

import corev1 "k8s.io/api/core/v1"

// additions are what a pod is given.
type additions struct {
	volumes    []corev1.Volume
	containers []containerAdditions
	// bundler joins the CA bundles before all other containers run; nil: none.
	bundler *corev1.Container
	// uploader are the uploader's containers, the first of them at uploaderIndex of the init containers.
	uploader      []corev1.Container
	uploaderIndex int
	// gracePeriod replaces the pod's terminationGracePeriodSeconds; nil: that stays.
	gracePeriod         *int64
	labels, annotations []entry
}

// containerAdditions are what one container is given.
type containerAdditions struct {
	*target
	envAdditions
	mounts []corev1.VolumeMount
	// command replaces the container's own; nil: it stays.
	command []string
	// hasIdentity: the container has, or gets, the profile's identity.
	hasIdentity bool
}

// envAdditions are the variables that a container gets.
type envAdditions struct {
	// front stand in front of the container's own, which can refer to them.
	front []corev1.EnvVar
	// behind stand behind them.
	behind []corev1.EnvVar
	// fills take the place of entries without a value.
	fills []filling
	// shut stand behind all others, and keep out rivals of the identity.
	shut []corev1.EnvVar
}

// filling is an entry of the container's env that has no value, and gets that of an injected variable.
type filling struct {
	at  int // In the container's env.
	env *corev1.EnvVar
}

// entry is one of a map of labels or annotations.
type entry struct{ key, value string }

// isEmpty reports whether the container is given nothing.
func (a *containerAdditions) isEmpty() bool {
	return a.envAdditions.isEmpty() && len(a.mounts) == 0 && a.command == nil
}

func (a *envAdditions) isEmpty() bool {
	return len(a.front)+len(a.behind)+len(a.fills)+len(a.shut) == 0
}

// filledVars returns the variables that are filled in.
func (a *envAdditions) filledVars() []corev1.EnvVar {
	if len(a.fills) == 0 {
		return nil
	}
	env := make([]corev1.EnvVar, len(a.fills))
	for i := range a.fills {
		env[i] = *a.fills[i].env
	}
	return env
}
