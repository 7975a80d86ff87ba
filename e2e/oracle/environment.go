package oracle

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// Object names a Secret or a ConfigMap of the pod's namespace.
type Object struct {
	ConfigMap bool
	Name      string
}

// World holds the data of the Secrets and ConfigMaps that exist.
type World map[Object]map[string]string

// Origin is where a variable's value comes from: an item of the container's env, or of its envFrom.
type Origin struct {
	EnvFrom bool
	Index   int
}

// Var is a variable as a process sees it.
type Var struct {
	Value  string
	Origin Origin
}

// Env is the environment of a process.
type Env map[string]Var

// Get returns the variable's value; empty: the variable is absent, or says nothing. The SDKs cannot tell the two apart unless they
// use Lookup.
func (e Env) Get(name string) string { return e[name].Value }

// Lookup returns the variable's value and reports whether the variable is present.
func (e Env) Lookup(name string) (string, bool) {
	v, ok := e[name]
	return v.Value, ok
}

// Values returns the names and values.
func (e Env) Values() map[string]string {
	values := make(map[string]string, len(e))
	for name, v := range e {
		values[name] = v.Value
	}
	return values
}

// Effective returns the environment that the kubelet gives a container (k8s.io/kubernetes v1.37.1
// pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables): envFrom in order, then env in order, each later value in place of
// an earlier one, with references to what stands before. An optional reference to what is not there leaves the earlier value.
// The error says why the kubelet does not start the container.
func Effective(c *corev1.Container, w World) (Env, error) {
	env := Env{}
	for i := range c.EnvFrom {
		if err := env.addAll(&c.EnvFrom[i], i, w); err != nil {
			return nil, err
		}
	}
	known := env.Values()
	mapping := expansion.MappingFuncFor(known)
	for i := range c.Env {
		e := &c.Env[i]
		value, set, err := resolve(e, w, mapping)
		if err != nil {
			return nil, err
		}
		if set {
			env[e.Name] = Var{Value: value, Origin: Origin{Index: i}}
			known[e.Name] = value
		}
	}
	return env, nil
}

func (e Env) addAll(from *corev1.EnvFromSource, index int, w World) error {
	var object Object
	var optional *bool
	switch {
	case from.SecretRef != nil:
		object.Name, optional = from.SecretRef.Name, from.SecretRef.Optional
	case from.ConfigMapRef != nil:
		object, optional = Object{ConfigMap: true, Name: from.ConfigMapRef.Name}, from.ConfigMapRef.Optional
	default:
		return nil
	}
	data, exists := w[object]
	if !exists && !isTrue(optional) {
		return fmt.Errorf("envFrom[%d]: %s does not exist", index, object.Name)
	}
	for key, value := range data {
		e[from.Prefix+key] = Var{Value: value, Origin: Origin{EnvFrom: true, Index: index}}
	}
	return nil
}

// resolve returns the value of one item of env, and whether it sets the variable.
func resolve(e *corev1.EnvVar, w World, mapping func(string) string) (value string, set bool, err error) {
	switch from := e.ValueFrom; {
	case e.Value != "":
		return expansion.Expand(e.Value, mapping), true, nil
	case from == nil:
		return "", true, nil
	case from.SecretKeyRef != nil:
		return w.key(Object{Name: from.SecretKeyRef.Name}, from.SecretKeyRef.Key, from.SecretKeyRef.Optional)
	case from.ConfigMapKeyRef != nil:
		return w.key(Object{ConfigMap: true, Name: from.ConfigMapKeyRef.Name}, from.ConfigMapKeyRef.Key, from.ConfigMapKeyRef.Optional)
	case from.FieldRef != nil:
		return "field:" + from.FieldRef.FieldPath, true, nil
	case from.ResourceFieldRef != nil:
		return "1", true, nil
	}
	return "", false, nil // A file's key: the oracle knows no such files, and takes them for optional ones that are absent.
}

func (w World) key(object Object, key string, optional *bool) (value string, set bool, err error) {
	value, set = w[object][key]
	if !set && !isTrue(optional) {
		return "", false, fmt.Errorf("%s has no key %s", object.Name, key)
	}
	return value, set, nil
}

func isTrue(b *bool) bool { return b != nil && *b }
