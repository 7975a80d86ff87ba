package fuzz

import (
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
)

// checkContainers checks that just the containers that are meant got the variables, and that none got one that it had.
func checkContainers(t *testing.T, before, after *corev1.Pod, prof []byte) {
	t.Helper()
	meant := chosen(before, after)
	parsed, err := profile.Parse(prof)
	if err != nil {
		t.Fatal(err)
	}
	recipient := recipients(before, after, parsed)
	was, is := containers(before), containers(after)
	for name, c := range is {
		original, had := was[name]
		switch {
		case !had && !ours(name):
			t.Errorf("container %s was added", name)
		case !had || ours(name):
		case !meant(name):
			if len(c.Env) != len(original.Env) || len(c.VolumeMounts) != len(original.VolumeMounts) {
				t.Errorf("container %s was injected, although the annotations exclude it", name)
			}
		default:
			checkEnv(t, original, c)
			checkMounts(t, original, c)
			if !recipient(name) {
				checkWriter(t, original, c)
			}
		}
	}
	for i, c := range after.Spec.InitContainers {
		if c.Name == injector.BundleContainerName && i > 0 {
			t.Errorf("init container %s comes before the one that makes its CA bundle", after.Spec.InitContainers[0].Name)
		}
	}
}

// ours reports whether Lighterman adds a container of that name.
func ours(name string) bool {
	return name == injector.BundleContainerName || name == injector.UploaderContainerName || name == injector.PreflightContainerName
}

// checkUploader checks that the sidecar is there, behind its preflight, wherever there is either.
func checkUploader(t *testing.T, after *corev1.Pod) {
	t.Helper()
	at := func(name string) int {
		return slices.IndexFunc(after.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == name })
	}
	preflight, sidecar := at(injector.PreflightContainerName), at(injector.UploaderContainerName)
	switch {
	case preflight < 0 && sidecar < 0:
	case preflight+1 != sidecar:
		t.Errorf("the preflight is init container %d, and the sidecar %d", preflight, sidecar)
	default:
		if policy := after.Spec.InitContainers[sidecar].RestartPolicy; policy == nil || *policy != corev1.ContainerRestartPolicyAlways {
			t.Error("the uploader is no native sidecar")
		}
	}
}

// checkMounts checks what the API server accepts and the kubelet cannot do: a mount point inside a read-only volume.
func checkMounts(t *testing.T, before, c *corev1.Container) {
	t.Helper()
	ours := map[string]string{injector.VolumeName: injector.MountPath, injector.BundleVolumeName: injector.BundleMountPath}
	for _, m := range c.VolumeMounts {
		at := ours[m.Name]
		if slices.ContainsFunc(before.VolumeMounts, func(own corev1.VolumeMount) bool { return own.Name == m.Name }) {
			continue
		}
		for _, other := range c.VolumeMounts {
			where := strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(other.MountPath, "C:"), "c:"), `\`, "/")
			if at != "" && m.MountPath == at && strings.HasPrefix(path.Clean(where), at+"/") {
				t.Errorf("container %s mounts %s inside %s", c.Name, other.MountPath, at)
			}
		}
	}
}

func checkEnv(t *testing.T, before, after *corev1.Container) {
	t.Helper()
	named := func(list []corev1.EnvVar, name string) bool {
		return slices.ContainsFunc(list, func(e corev1.EnvVar) bool { return e.Name == name })
	}
	front, behind := around(before.Env, after.Env)
	for i, e := range behind {
		if !belongsBehind(before, behind[:i], e) {
			t.Errorf("container %s got %s behind its own variables", after.Name, e.Name)
		}
	}
	added := slices.Concat(front, behind)
	for i, e := range added {
		if slices.ContainsFunc(before.Env, func(own corev1.EnvVar) bool { return own.Name == e.Name && !mayBeNone(own) }) || named(added[:i], e.Name) {
			t.Errorf("container %s has variable %s twice", after.Name, e.Name)
		}
		if e.Value == "" && e.ValueFrom == nil && !mayShut(before, e.Name) {
			t.Errorf("container %s got the empty variable %s", after.Name, e.Name)
		}
	}
	if !named(after.Env, "LIGHTERMAN_PROVIDER") {
		t.Errorf("container %s was admitted without being injected", after.Name)
	}
}

// belongsBehind reports whether a variable has a reason to stand behind the container's own: it refers to one of those, or to
// another behind them; it stands behind an optional reference; or it keeps out what may come from elsewhere.
func belongsBehind(before *corev1.Container, behind []corev1.EnvVar, e corev1.EnvVar) bool {
	refersTo := func(other corev1.EnvVar) bool { return strings.Contains(e.Value, "$("+other.Name+")") }
	return slices.ContainsFunc(before.Env, func(own corev1.EnvVar) bool { return refersTo(own) || own.Name == e.Name && mayBeNone(own) }) ||
		slices.ContainsFunc(behind, refersTo) || mayShut(before, e.Name)
}

// mayShut reports whether a container may take the variable from where Lighterman cannot see it.
func mayShut(before *corev1.Container, name string) bool {
	return slices.ContainsFunc(before.Env, func(own corev1.EnvVar) bool {
		return own.Name == name && mayBeNone(own) && (own.ValueFrom != nil || own.Value != "")
	}) ||
		slices.ContainsFunc(before.EnvFrom, func(from corev1.EnvFromSource) bool { return strings.HasPrefix(name, from.Prefix) })
}

// mayBeNone reports whether a variable may have no value.
func mayBeNone(e corev1.EnvVar) bool {
	from := e.ValueFrom
	if from == nil || e.Value != "" {
		return e.Value == "" || strings.HasPrefix(e.Value, "$(")
	}
	optional := func(o *bool) bool { return o != nil && *o }
	return from.FieldRef != nil || from.SecretKeyRef != nil && optional(from.SecretKeyRef.Optional) ||
		from.ConfigMapKeyRef != nil && optional(from.ConfigMapKeyRef.Optional) || from.FileKeyRef != nil && optional(from.FileKeyRef.Optional)
}

// around gives what stands in front of a container's own variables, and behind them. One in front may have the name of one that may be
// none; an own one without a value may have been filled in.
func around(own, all []corev1.EnvVar) (front, behind []corev1.EnvVar) {
	isSame := func(a, b corev1.EnvVar) bool {
		return a.Name == b.Name && (a.ValueFrom == nil && mayBeNone(a) || reflect.DeepEqual(a, b))
	}
	for at := 0; len(own) > 0 && at+len(own) <= len(all); at++ {
		if slices.EqualFunc(own, all[at:at+len(own)], isSame) {
			return all[:at], all[at+len(own):]
		}
	}
	return all, nil
}

func containers(pod *corev1.Pod) map[string]*corev1.Container {
	all := map[string]*corev1.Container{}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			all[list[i].Name] = &list[i]
		}
	}
	return all
}

// chosen reads the annotations that choose containers.
func chosen(before, after *corev1.Pod) func(name string) bool {
	if !hasUploader(after) {
		return func(name string) bool { return listed(before, name) }
	}
	skip := func(c corev1.Container) bool { return lists(before, injector.AnnotationSkipContainers, c.Name) }
	if !slices.ContainsFunc(before.Spec.Containers, func(c corev1.Container) bool { return !skip(c) }) {
		return func(string) bool { return true } // Only the identity is kept from them.
	}
	return func(name string) bool { return !lists(before, injector.AnnotationSkipContainers, name) }
}

// recipients tells the containers that may have the identity: with an uploader only those for which something asks.
func recipients(before, after *corev1.Pod, profile *profile.Profile) func(name string) bool {
	u := profile.Spec.Uploader
	tools, overridden := before.Annotations[injector.AnnotationTools]
	_, limited := before.Annotations[injector.AnnotationContainers]
	asked := limited || (u != nil && u.Identity == "Containers") || strings.Trim(tools, ", ") != "" ||
		(!overridden && len(profile.Spec.Tools) > 0)
	return func(name string) bool { return (asked || !hasUploader(after)) && listed(before, name) }
}

// checkWriter checks that a container which only writes files got no file and no Secret of the identity.
func checkWriter(t *testing.T, before, after *corev1.Container) {
	t.Helper()
	for _, m := range after.VolumeMounts {
		if m.Name == injector.VolumeName || m.Name == injector.BundleVolumeName || (m.Name == injector.UploaderVolumeName && !m.ReadOnly) {
			t.Errorf("container %s only writes files, and mounts %s at %s", after.Name, m.Name, m.MountPath)
		}
	}
	for _, e := range after.Env {
		own := slices.ContainsFunc(before.Env, func(own corev1.EnvVar) bool { return own.Name == e.Name })
		if !own && (e.ValueFrom != nil || strings.HasPrefix(e.Value, injector.MountPath)) {
			t.Errorf("container %s only writes files, and got %+v", after.Name, e)
		}
	}
}

func hasUploader(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == injector.UploaderContainerName })
}

func listed(pod *corev1.Pod, name string) bool {
	_, limited := pod.Annotations[injector.AnnotationContainers]
	return (!limited || lists(pod, injector.AnnotationContainers, name)) && !lists(pod, injector.AnnotationSkipContainers, name)
}

func lists(pod *corev1.Pod, annotation, name string) bool {
	return slices.ContainsFunc(strings.Split(pod.Annotations[annotation], ","), func(item string) bool {
		return strings.TrimSpace(item) == name
	})
}
