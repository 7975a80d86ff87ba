package fuzz

import (
	"fmt"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/injector"

	"lighterman.dev/lighterman/e2e/oracle"
)

// mostWorlds is how many worlds of one container are tried; where there are more, some are chosen at random.
const mostWorlds = 27

// unknown is what the webhook cannot see: a key that may be there, or what envFrom brings.
type unknown struct {
	object oracle.Object
	states []map[string]string // nil: there is nothing
}

// unknowns are those of a container. store says which variables its envFrom may bring.
func unknowns(c *corev1.Container, store string) []unknown {
	var found []unknown
	seen := map[string]bool{}
	for i := range c.Env {
		object, key, optional := reference(&c.Env[i])
		if name := fmt.Sprint(object, key); optional && !seen[name] {
			seen[name] = true
			states := []map[string]string{nil, {key: valueOf(object, key)}}
			if !isTwice(c, c.Env[i].Name) { // Else it hides what stands before it, and no webhook can see that.
				states = append(states, map[string]string{key: ""})
			}
			found = append(found, unknown{object, states})
		}
	}
	for i := range c.EnvFrom {
		from := &c.EnvFrom[i]
		object := oracle.Object{}
		if from.ConfigMapRef != nil {
			object.ConfigMap, object.Name = true, from.ConfigMapRef.Name
		} else {
			object.Name = from.SecretRef.Name
		}
		states := []map[string]string{{}}
		for _, recipe := range oracle.Recipes {
			if recipe.Store == store {
				states = append(states, broughtBy(from.Prefix, recipe.Vars), broughtBy(from.Prefix, recipe.Vars[:1]))
			}
		}
		states = append(states, broughtBy(from.Prefix, oracle.Switches[store]))
		found = append(found, unknown{object, states})
	}
	return found
}

func isTwice(c *corev1.Container, name string) bool {
	count := 0
	for i := range c.Env {
		if c.Env[i].Name == name {
			count++
		}
	}
	return count > 1
}

// broughtBy is the data by which an object brings the variables, as far as the prefix lets it.
func broughtBy(prefix string, names []string) map[string]string {
	data := map[string]string{}
	for _, name := range names {
		// Amazon ECS sets the one that is left out, and no user does.
		if key, ok := strings.CutPrefix(name, prefix); ok && key != "" && name != "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" {
			data[key] = oracle.OwnValues(name)[0]
		}
	}
	return data
}

// reference is the key that an entry refers to.
func reference(e *corev1.EnvVar) (object oracle.Object, key string, optional bool) {
	if e.Value != "" || e.ValueFrom == nil {
		return oracle.Object{}, "", false
	}
	switch {
	case e.ValueFrom.SecretKeyRef != nil:
		ref := e.ValueFrom.SecretKeyRef
		return oracle.Object{Name: ref.Name}, ref.Key, ref.Optional != nil && *ref.Optional
	case e.ValueFrom.ConfigMapKeyRef != nil:
		ref := e.ValueFrom.ConfigMapKeyRef
		return oracle.Object{ConfigMap: true, Name: ref.Name}, ref.Key, ref.Optional != nil && *ref.Optional
	}
	return oracle.Object{}, "", false
}

// valueOf is what a key holds: of the user's object what a user would set, of others what tells them apart.
func valueOf(object oracle.Object, key string) string {
	if object.Name == ownObject {
		return oracle.OwnValues(key)[0]
	}
	return "held-by-" + object.Name + "-" + key
}

// worlds calls visit for the worlds that a container may find itself in. All keys that it must have are there; in the last world
// they are empty.
func (s *source) worlds(c *corev1.Container, found []unknown, visit func(w oracle.World, emptied bool)) {
	count := 1
	for _, u := range found {
		if count *= len(u.states); count > mostWorlds {
			break
		}
	}
	for n := range min(count, mostWorlds) {
		w := oracle.World{}
		put := func(object oracle.Object, data map[string]string) {
			if data != nil && w[object] == nil {
				w[object] = map[string]string{}
			}
			maps.Copy(w[object], data)
		}
		rest := n
		for _, u := range found {
			state := rest % len(u.states)
			rest /= len(u.states)
			if count > mostWorlds {
				state = s.below(len(u.states))
			}
			put(u.object, u.states[state])
		}
		for i := range c.Env {
			if object, key, optional := reference(&c.Env[i]); object.Name != "" && !optional {
				put(object, map[string]string{key: valueOf(object, key)})
			}
		}
		visit(w, false)
		if emptied := empty(c, w); n == 0 && emptied != nil {
			visit(emptied, true)
		}
	}
}

// empty returns a world in which the user's keys that the container must have are empty; nil: there are none.
func empty(c *corev1.Container, w oracle.World) oracle.World {
	var emptied oracle.World
	for i := range c.Env {
		object, key, optional := reference(&c.Env[i])
		if object.Name != ownObject || optional {
			continue
		}
		if emptied == nil {
			emptied = oracle.World{}
			for object, data := range w {
				emptied[object] = maps.Clone(data)
			}
		}
		emptied[object][key] = ""
	}
	return emptied
}

// filesOf are the files of a container: its own, those of other webhooks, and those of our volumes that it mounts.
func filesOf(pod *corev1.Pod, c *corev1.Container) oracle.Files {
	files := oracle.Files{
		"/var/run/secrets/eks.amazonaws.com/serviceaccount/token":                       {Kind: oracle.TokenFile, Name: "eks-token"},
		"/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token": {Kind: oracle.TokenFile, Name: "eks-agent-token"},
		"/var/run/secrets/azure/wi/token/azure-identity-token":                          {Kind: oracle.TokenFile, Name: "azure-token"},
	}
	maps.Copy(files, oracle.OwnFiles)
	for _, m := range c.VolumeMounts {
		switch {
		case m.Name == injector.BundleVolumeName && m.MountPath == injector.BundleMountPath:
			put(files, m.MountPath+"/ca.crt", oracle.File{Kind: oracle.CABundleFile, Name: "profile-ca"})
		case m.Name == injector.VolumeName && m.MountPath == injector.MountPath:
			for i := range pod.Spec.Volumes {
				if pod.Spec.Volumes[i].Name == m.Name && pod.Spec.Volumes[i].Projected != nil {
					project(files, pod.Spec.Volumes[i].Projected.Sources)
				}
			}
		}
	}
	return files
}

// put adds a file under its path, and under that which the programs of Windows have for it.
func put(files oracle.Files, path string, file oracle.File) {
	files[path] = file
	files[`C:`+strings.ReplaceAll(path, "/", `\`)] = file
}

// project adds the files of our volume.
func project(files oracle.Files, sources []corev1.VolumeProjection) {
	at := func(file string) string { return injector.MountPath + "/" + file }
	kinds := map[string]oracle.File{
		"ca.crt":               {Kind: oracle.CABundleFile, Name: "profile-ca"},
		"token-proxy-ca.crt":   {Kind: oracle.CABundleFile, Name: "proxy-ca"},
		"aws-credentials":      {Kind: oracle.AWSFile, Name: "profile-credentials", Sections: []string{"default"}},
		"azure-client.pem":     {Kind: oracle.PEMFile, Name: "profile-certificate"},
		"aws-config":           {Kind: oracle.AWSRolesFile, Name: "profile-roles", Sections: []string{"default"}, Token: at("token")},
		"gcp-credentials.json": {Kind: oracle.GoogleKeyFile, Name: "profile-key"},
	}
	for i := range sources {
		switch source := &sources[i]; {
		case source.ServiceAccountToken != nil:
			put(files, at(source.ServiceAccountToken.Path), oracle.File{Kind: oracle.TokenFile, Name: "profile-token"})
		case source.DownwardAPI != nil:
			for _, item := range source.DownwardAPI.Items {
				file := oracle.File{Kind: oracle.GoogleTokenFile, Name: "profile-account", Token: at("token")}
				if item.Path == "aws-config" {
					file = kinds[item.Path]
				}
				put(files, at(item.Path), file)
			}
		case source.Secret != nil:
			for _, item := range source.Secret.Items {
				if file, known := kinds[item.Path]; known { // Others are for the uploader.
					put(files, at(item.Path), file)
				}
			}
		case source.ConfigMap != nil:
			for _, item := range source.ConfigMap.Items {
				put(files, at(item.Path), kinds[item.Path])
			}
		}
	}
}
