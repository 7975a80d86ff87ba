package injector

import (
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
)

// ShutVariables are those that Lighterman may set to keep another identity out of the profile's pods.
func ShutVariables(prof *profile.Profile) []string {
	tools := make([]v1alpha1.Tool, 0, len(profile.KnownTools))
	for _, name := range profile.KnownTools[1:] { // Behind SDK.
		tools = append(tools, v1alpha1.Tool(name))
	}
	resolved := profile.ResolveWithTools(prof.Spec, tools)
	var names []string
	for _, r := range resolved.Rivals() {
		names = append(names, r.Name)
	}
	return names
}
