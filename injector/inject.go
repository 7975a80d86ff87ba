package injector

import (
	"lighterman.dev/lighterman/profile"
)

// Inject returns what must be added to pod so that its containers can reach the store of the profile. It performs no I/O
// and does not change its arguments. A *DeniedError names what in pod or profile stands in the way; any other error is a
// fault of Lighterman.
func Inject(pod *Pod, profile *profile.Profile, settings Settings) (Result, error) {
	if err := checkOverrides(&pod.Metadata); err != nil {
		return Result{}, err
	}
	env, err := renderProfile(pod, profile, &settings)
	if err != nil {
		return Result{}, err
	}
	request, err := readUploadRequest(pod, profile)
	if err != nil {
		return Result{}, err
	}
	d, err := newDesired(profile, env, request != nil)
	if err != nil {
		return Result{}, err
	}
	p, err := newPlanner(pod, d, request, &settings)
	if err != nil {
		return Result{}, err
	}
	given, err := p.planPod(request)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Operations: append(p.former.removals(), buildPatch(p.pod, given)...), Size: p.size.bytes,
		Replaced: p.former.isReplaced(), Warnings: p.allWarnings(),
	}, nil
}

// renderProfile returns what the profile injects. It turns the profile's problems into a denial that lists them all.
func renderProfile(pod *Pod, prof *profile.Profile, settings *Settings) (*profile.Environment, error) {
	tools, field := toolsOf(&pod.Metadata, prof.Spec)
	resolved := profile.ResolveWithTools(prof.Spec, tools)
	if err := overrideRepository(&pod.Metadata, &resolved); err != nil {
		return nil, err
	}
	if err := fillPrefix(pod, prof, &resolved); err != nil {
		return nil, err
	}
	env, problems := resolved.Render(profile.Use{
		ToolsField:     field,
		Namespace:      namespaceOf(pod, prof),
		ServiceAccount: pod.ServiceAccount(),
		Files:          filesOf(pod, &resolved),
	}, settings.Cluster)
	if len(problems) > 0 {
		return nil, denyProfile(prof, problems)
	}
	return &env, nil
}
