package injector

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/uploader"
)

// uploaderConfig returns the sidecar's configuration: the profile in the uploader's words, and what it must know of the pod.
func (s podScope) uploaderConfig(u *uploadPlan) (string, error) {
	d, c := s.desired, profile.UploaderConfig(&u.spec)
	c.Spool, c.Profile, c.Prefix, c.CAFile = u.path, d.profile.Kind+" "+d.profile.String(), d.UploaderPrefix(), d.Files.CA
	c.Completion, c.DrainTimeoutSeconds, c.Series = u.completionMode(), u.drainTimeout(), u.series
	c.Restarts = u.wrap && restartsFailed(s.pod, u.wrapped)
	c.Containers = u.wrappedContainers()
	if u.outputs != nil { // There is no spool that these could mean.
		c.Include, c.Exclude, c.AfterUpload = nil, nil, uploader.Keep
	}
	d.ConfigureUploader(&c)
	if problems := d.UploaderProblems(&c); len(problems) > 0 {
		return "", denyProfile(d.profile, problems)
	}
	return escapeReferences(c.String()), nil
}

// escapeReferences returns a text in which the kubelet finds no reference to a variable: it takes two dollar signs for one
// (k8s.io/kubernetes v1.37 third_party/forked/golang/expansion/expand.go).
func escapeReferences(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// restartsFailed reports whether the kubelet starts each of the containers again when it has failed.
func restartsFailed(pod *Pod, containers []*Container) bool {
	return !slices.ContainsFunc(containers, func(c *Container) bool {
		return cmp.Or(string(c.RestartPolicy), string(pod.Spec.RestartPolicy)) == string(corev1.RestartPolicyNever)
	})
}

// wrappedContainers returns the containers whose commands the uploader runs, as the sidecar knows them. The API server refuses a name
// that cannot be or is there twice, but later.
func (u *uploadPlan) wrappedContainers() []uploader.Container {
	var containers []uploader.Container
	taken := make(map[string]bool, len(u.wrapped))
	for _, c := range u.wrapped {
		if uploader.IsContainerName(c.Name) && !taken[c.Name] {
			taken[c.Name] = true
			containers = append(containers, uploader.Container{Name: c.Name, Stdout: u.outputs[c]})
		}
	}
	return containers
}

// checkPreviousInjection denies a pod whose sidecar is not the one that an earlier pass added: it was copied from a pod
// that ran, with a profile that has changed since, or with another. Where another webhook has added a container since, the
// configuration of the earlier pass is brought up to date.
func (u *uploadPlan) checkPreviousInjection(pod *Pod) error {
	if !u.alreadyInjected {
		return nil
	}
	configured := false
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		if c.Name != UploaderContainerName && c.Name != PreflightContainerName {
			continue
		}
		for j := range c.Env {
			switch e := &c.Env[j]; {
			case e.Name != uploader.EnvConfig:
			case e.Value == u.config:
				configured = configured || c.Name == UploaderContainerName
			case sameButContainers(e.Value, u.config):
				configured = configured || c.Name == UploaderContainerName
				u.outdated = append(u.outdated, fmt.Sprintf("/spec/initContainers/%d/env/%d/value", i, j))
			default:
				return denyPreviousInjection()
			}
		}
	}
	if !configured {
		return denyPreviousInjection()
	}
	return nil
}

func denyPreviousInjection() error {
	return Deny(ReasonCollision, fmt.Sprintf(
		"spec.initContainers: the container %s is there that is not the one of this profile: remove it and %s, with the volumes %s and %s, for Lighterman adds its own",
		UploaderContainerName, PreflightContainerName, UploaderVolumeName, SpoolVolumeName))
}

// sameButContainers reports whether two configurations differ in nothing but in what they know of the pod's containers.
func sameButContainers(a, b string) bool {
	var configs [2]map[string]any
	for i, text := range []string{a, b} {
		if json.Unmarshal([]byte(text), &configs[i]) != nil {
			return false
		}
		delete(configs[i], "containers")
		delete(configs[i], "restarts")
	}
	return reflect.DeepEqual(configs[0], configs[1])
}
