package injector

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

// desired is what a profile wants of a pod, whatever the pod's containers have: the variables, and the sources of the
// volume with the files that the variables name. Nothing changes it after newDesired.
type desired struct {
	*profile.Environment
	profile *profile.Profile
	// byName are the places of the variables in Vars.
	byName map[string]int
	// rivals are the variables that programs take before the profile's identity, and that the profile does not set.
	rivals []*profile.Rival
	// sources make the projected volume. carriesIdentity: some of them prove who the pod is.
	sources         []corev1.VolumeProjection
	carriesIdentity bool
	// configText is the text of the file that the annotation configAnnotation holds; both empty: there is none.
	configText, configAnnotation string
}

// newDesired returns what a profile without problems wants.
func newDesired(prof *profile.Profile, env *profile.Environment, withUploader bool) (*desired, error) {
	d := &desired{Environment: env, profile: prof, sources: identitySources(env)}
	if file := d.ConfigFile(); file != nil {
		var err error
		if d.configText, err = env.ConfigText(); err != nil {
			return nil, err
		}
		d.configAnnotation = file.Annotation
	}
	d.carriesIdentity = len(d.sources) > 0
	if ca := d.Spec.CABundle; ca != nil {
		d.sources = append(d.sources, caSource(ca))
	}
	d.byName = make(map[string]int, len(d.Vars))
	for i := range d.Vars {
		d.byName[d.Vars[i].Name] = i
	}
	d.rivals = slices.DeleteFunc(d.Rivals(), func(r *profile.Rival) bool { return d.injects(r.Name) })
	if withUploader {
		if keys := keySources(env, d.byName); len(keys) > 0 {
			d.sources = append(d.sources, keys...)
			d.Files.Keys = MountPath
		}
	}
	return d, nil
}

// injects reports whether the profile has a variable of the name.
func (d *desired) injects(name string) bool {
	_, injected := d.byName[name]
	return injected
}

// equalsInjected reports whether a container's variable is the one that the profile injects.
func (d *desired) equalsInjected(env *corev1.EnvVar) bool {
	at, injected := d.byName[env.Name]
	return injected && d.Vars[at].Equals(env)
}

// needsVolume reports whether the pod gets the projected volume.
func (d *desired) needsVolume() bool { return len(d.sources) > 0 }

// replacesCA reports whether containers read the profile's CA bundle alone, from the projected volume.
func (d *desired) replacesCA() bool { return d.Spec.CABundle != nil && !d.appendsCA() }

// appendsCA reports whether containers read the profile's CA bundle behind the public roots, from the joined bundle.
func (d *desired) appendsCA() bool {
	return d.Spec.CABundle != nil && d.Spec.CABundle.Mode == v1alpha1.CABundleAppend
}

// shutsRival reports whether a container's variable is the one by which an earlier pass shut a rival.
func (d *desired) shutsRival(env *corev1.EnvVar) bool {
	return env.ValueFrom == nil && slices.ContainsFunc(d.rivals, func(r *profile.Rival) bool {
		return r.Name == env.Name && r.Shut == env.Value
	})
}
