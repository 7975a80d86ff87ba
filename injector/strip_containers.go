package injector

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gomodules.xyz/jsonpatch/v2"
	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

// stripContainers removes Lighterman's own containers, and what it wrote into the others.
func (s *stripper) stripContainers(list string, containers []Container) []Container {
	stripped := slices.Clone(containers)
	for i := range stripped {
		if c := &stripped[i]; !isOwnContainer(c.Name) {
			s.stripContainer("/spec/"+list+"/"+strconv.Itoa(i), fmt.Sprintf("spec.%s[%d]", list, i), c)
		}
	}
	return removeItems(s, "/spec/"+list, stripped, func(c *Container) bool { return isOwnContainer(c.Name) })
}

func (s *stripper) stripContainer(path, field string, c *Container) {
	s.stripEnv(path+"/env", field+".env", c)
	c.VolumeMounts = removeItems(s, path+"/volumeMounts", c.VolumeMounts, func(m *corev1.VolumeMount) bool {
		_, own := ownVolumes[m.Name]
		return own
	})
	if command, wrapped := unwrapCommand(c.Command); wrapped {
		c.Command = command
		if len(command) == 0 {
			s.removePath(path + "/command")
		} else {
			s.ops = append(s.ops, jsonpatch.NewOperation("replace", path+"/command", command))
		}
	}
}

// stripEnv removes the variables that Lighterman wrote, and empties those that it gave a value. The container may have had
// others of the same name, in front of them.
func (s *stripper) stripEnv(path, field string, c *Container) {
	vars := s.added.varsOf(c.Name)
	written := writtenEntries(c.Env, vars)
	env, ours := slices.Clone(c.Env), make([]bool, len(c.Env))
	var changed []string
	for i := range env {
		e := &env[i]
		recorded, named := vars[e.Name]
		filled := strings.HasPrefix(recorded, filledMark)
		at, found := written[e.Name]
		switch {
		case !named:
			ours[i] = !s.added.knowsVariables() && isOwnVariable(e)
		case !found && (!filled || !isEmptyEntry(e)):
			changed = append(changed, e.Name)
		case found && at == i && filled:
			s.clearValue(path+"/"+strconv.Itoa(i), e)
		case found && at == i:
			ours[i] = true
		}
	}
	next := -1
	c.Env = removeItems(s, path, env, func(*corev1.EnvVar) bool { next++; return ours[next] })
	if len(changed) > 0 {
		s.unproven = append(s.unproven, fmt.Sprintf(
			"%s: container %q has %s with another value than Lighterman wrote there when the pod was injected before: remove the variables, for Lighterman adds its own",
			field, message.Value(c.Name), message.List(changed)))
	}
}

// writtenEntries returns the indexes of the entries that an earlier pass wrote, by name: the last that is as recorded.
func writtenEntries(env []corev1.EnvVar, vars map[string]string) map[string]int {
	written := make(map[string]int, len(vars))
	for i := range env {
		if recorded, named := vars[env[i].Name]; named && isHashOf(strings.TrimPrefix(recorded, filledMark), &env[i]) {
			written[env[i].Name] = i
		}
	}
	return written
}

// clearValue takes the value from a variable that had none.
func (s *stripper) clearValue(path string, e *corev1.EnvVar) {
	if e.ValueFrom != nil {
		s.removePath(path + "/valueFrom")
	}
	s.ops = append(s.ops, jsonpatch.NewOperation("add", path+"/value", ""))
	e.Value, e.ValueFrom = "", nil
}

func isEmptyEntry(e *corev1.EnvVar) bool { return e.Value == "" && e.ValueFrom == nil }

// isOwnVariable reports whether only Lighterman can have written a variable: by its name, or because it names a file of
// Lighterman's.
func isOwnVariable(e *corev1.EnvVar) bool {
	where := cleanPath(e.Value)
	return strings.HasPrefix(e.Name, profile.ReservedPrefix) || isWithin(where, MountPath) ||
		isWithin(where, BundleMountPath)
}
