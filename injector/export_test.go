package injector

// ShutVariables are those that Lighterman may set to keep another identity out of the profile's pods.
func ShutVariables(profile *Profile) []string {
	var names []string
	add := func(list []rival) {
		for i := range list {
			names = append(names, list[i].name)
		}
	}
	if s := storeOf(profile.Spec); s != nil {
		add(s.rivals)
	}
	for _, tool := range dialects {
		add(tool.rivals)
	}
	return names
}
