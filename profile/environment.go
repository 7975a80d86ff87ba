package profile

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
)

// Files are the paths of the credential files as a container's programs write them, and that of the directory with the
// uploader's keys; empty: there is no such file. JKS and PKCS12 are Java truststores; IssuerCA has the authority of a token
// service that only the cluster has.
type Files struct{ Token, CA, JKS, PKCS12, Credentials, Keys, IssuerCA string }

// Variable is one that a profile injects.
type Variable struct {
	corev1.EnvVar
	// Groups that a container must not hold for the variable to be injected there.
	Groups Group
	// tool is the one that asked for it; empty: the SDKs.
	tool v1alpha1.Tool
	// HasReference: the value refers to other variables.
	HasReference bool
	// Literal: the variable is one of spec.env.
	Literal bool
	// NamesArchive: the variable holds the place of a tool's archive.
	NamesArchive bool
}

// Environment gathers what a profile injects, in order.
type Environment struct {
	Resolved

	Files Files
	Vars  []Variable

	// tool is the one whose variables are added, and row its own; empty: the SDKs'.
	tool v1alpha1.Tool
	row  *dialect
	ca   caConflict
	// roles is about a role that another assumes.
	roles roleConflict
	// conflicts are sentences on tools that cannot be used together.
	conflicts []string
}

// addVar adds a variable, unless its value is empty: some tools take an empty variable for a setting.
func (e *Environment) addVar(name, value string, groups Group) {
	if value != "" {
		e.appendVar(corev1.EnvVar{Name: name, Value: value}, groups)
	}
}

// addSecret adds a variable whose value the kubelet reads from a Secret, unless there is none.
func (e *Environment) addSecret(name string, ref *v1alpha1.KeyRef, groups Group) {
	if ref != nil {
		e.appendVar(corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: secretKey(ref)}}, groups)
	}
}

func secretKey(ref *v1alpha1.KeyRef) *corev1.SecretKeySelector {
	return &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: ref.Name}, Key: ref.Key}
}

// addField adds a variable whose value the kubelet reads from a field of the pod.
func (e *Environment) addField(name, path string) {
	e.appendVar(corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{
		APIVersion: "v1", FieldPath: path,
	}}}, 0)
}

// addAll adds all variables: the store's own, the mode's, the tools', and the profile's literals.
func (e *Environment) addAll() {
	e.Vars = make([]Variable, 0, 24+8*len(e.Tools)+len(e.Spec.Env))
	e.addPodName()
	e.Store.env(e)
	e.addToolEnv()
	e.addProxy()
	for i := range e.Spec.Env {
		e.overrideVar(e.Spec.Env[i].Name, e.Spec.Env[i].Value)
	}
	e.extendNoProxy()
}

// overrideVar adds a variable of spec.env, in place of one that has its name.
func (e *Environment) overrideVar(name, value string) {
	e.Vars = slices.DeleteFunc(e.Vars, func(v Variable) bool { return v.Name == name })
	e.addVar(name, value, e.toolGroupOf(name)|groupsByVariable[name]&groupsOfProxies)
	if n := len(e.Vars); n > 0 && e.Vars[n-1].Name == name {
		e.Vars[n-1].Literal = true
	}
}

// addCAFiles adds the neutral variables of the CA bundle.
func (e *Environment) addCAFiles() {
	e.addVar("LIGHTERMAN_CA_FILE", e.Files.CA, 0)
	e.addVar("LIGHTERMAN_CA_JKS", e.Files.JKS, 0)
	e.addVar("LIGHTERMAN_CA_PKCS12", e.Files.PKCS12, 0)
}

// addIdentity adds the variables of the auth mode.
func (e *Environment) addIdentity() {
	if e.Mode.env != nil {
		e.Mode.env(e)
	}
}

// Equals reports whether a container's variable is the one that the profile injects: then a former pass put it there, or
// the user wants the very same, and neither is a conflict.
func (v *Variable) Equals(env *corev1.EnvVar) bool {
	if v.Value != env.Value {
		return false
	}
	want, got := v.ValueFrom, env.ValueFrom
	if want == nil || got == nil {
		return want == got
	}
	if want := want.ConfigMapKeyRef; want != nil {
		got := got.ConfigMapKeyRef
		return got != nil && want.Name == got.Name && want.Key == got.Key
	}
	if want.FieldRef != nil {
		return got.FieldRef != nil && want.FieldRef.FieldPath == got.FieldRef.FieldPath
	}
	return got.SecretKeyRef != nil && want.SecretKeyRef.Name == got.SecretKeyRef.Name &&
		want.SecretKeyRef.Key == got.SecretKeyRef.Key
}
