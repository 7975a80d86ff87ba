package injector

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// files are the paths of the credential files as a container's programs write them, and that of the directory with the
// uploader's keys; empty: there is no such file.
type files struct{ token, ca, credentials, keys string }

// variable is one that a profile injects.
type variable struct {
	corev1.EnvVar
	// groups that a container must not hold for the variable to be injected there.
	groups group
	// tool is the one that asked for it; empty: the SDKs.
	tool v1alpha1.Tool
	// refers: the value refers to other variables.
	refers bool
	// literal: the variable is one of spec.env.
	literal bool
}

// environment gathers what a profile injects, in order.
type environment struct {
	spec  *v1alpha1.CredentialProfileSpec
	store *store
	mode  *mode
	files files
	vars  []variable

	// tool is the one whose variables are added; empty: the SDKs'.
	tool v1alpha1.Tool
	ca   caConflict
	// conflicts are sentences on tools that cannot be used together.
	conflicts []string
}

// add adds a variable, unless its value is empty: some tools take an empty variable for a setting.
func (e *environment) add(name, value string, groups group) {
	if value != "" {
		e.put(corev1.EnvVar{Name: name, Value: value}, groups)
	}
}

// secret adds a variable whose value the kubelet reads from a Secret, unless there is none.
func (e *environment) secret(name string, ref *v1alpha1.KeyRef, groups group) {
	if ref != nil {
		e.put(corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: ref.Name}, Key: ref.Key,
		}}}, groups)
	}
}

// render adds everything: the store's own, the mode's, the tools', and the profile's literals.
func (e *environment) render(tools []v1alpha1.Tool) {
	e.vars = make([]variable, 0, 24+8*len(tools)+len(e.spec.Env))
	e.store.env(e)
	e.speak(tools)
	for i := range e.spec.Env {
		e.literal(e.spec.Env[i].Name, e.spec.Env[i].Value)
	}
	e.extendNoProxy()
}

// literal adds a variable of spec.env, in place of one that has its name.
func (e *environment) literal(name, value string) {
	e.vars = slices.DeleteFunc(e.vars, func(v variable) bool { return v.Name == name })
	e.add(name, value, 0)
	if n := len(e.vars); n > 0 && e.vars[n-1].Name == name {
		e.vars[n-1].literal = true
	}
}

// identity adds the variables of the auth mode.
func (e *environment) identity() {
	if e.mode.env != nil {
		e.mode.env(e)
	}
}

// same reports whether a container's variable is the one that the profile injects: then a former pass put it there, or
// the user wants the very same, and neither is a conflict.
func (v *variable) same(env *corev1.EnvVar) bool {
	if v.Value != env.Value {
		return false
	}
	want, got := v.ValueFrom, env.ValueFrom
	if want == nil || got == nil {
		return want == got
	}
	return got.SecretKeyRef != nil && want.SecretKeyRef.Name == got.SecretKeyRef.Name &&
		want.SecretKeyRef.Key == got.SecretKeyRef.Key
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
