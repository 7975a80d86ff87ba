package injector

import (
	"cmp"
	"fmt"

	"gomodules.xyz/jsonpatch/v2"

	"lighterman.dev/lighterman/profile"
)

// Settings are what the process, and not the profile, decides.
type Settings struct {
	// Version is written into the injected annotation.
	Version string
	// Image is that of the containers which Lighterman adds. Empty: profiles that need one deny the pod.
	Image string
	// UploaderImage is that of the uploader. Empty: pods that need it are denied.
	UploaderImage string
	// Cluster is what profiles are checked against.
	profile.Cluster
}

// Result is what a pod is given.
type Result struct {
	// Operations are RFC 6902 operations for the pod's JSON, "add" alone unless the pod was injected before; none when the
	// pod has everything already.
	Operations []jsonpatch.Operation
	// Size is an upper bound of the operations for the containers, as JSON, in bytes.
	Size int
	// Replaced: what an earlier injection left in the pod is replaced. Between two passes of one admission that must not be
	// done with an older profile than the first pass had.
	Replaced bool
	// Warnings are sentences for the user: what was left as it is, and why.
	Warnings []string
}

// Record is the value of AnnotationInjected, as compact JSON.
type Record struct {
	// Profile is namespace/name, or the name of a cluster profile.
	Profile string `json:"profile"`
	Kind    string `json:"kind"`
	// UID and Generation are those of the profile; zero when it came from a file.
	UID        string `json:"uid,omitempty"`
	Generation int64  `json:"generation,omitempty"`
	// Version is that of Lighterman.
	Version string `json:"version"`
	// Volume says that the pod has the volume VolumeName; the admission policy checks it after all other webhooks.
	Volume bool `json:"volume,omitempty"`
	// Uploader says that the pod has the native sidecar UploaderContainerName; the policy checks that, too.
	Uploader bool `json:"uploader,omitempty"`
}

// Inject returns what must be added to pod so that its containers can reach the store of the profile. It performs no I/O
// and does not change its arguments. A *DeniedError says what in pod or profile stands in the way; any other error is a
// fault of Lighterman.
func Inject(pod *Pod, profile *profile.Profile, settings Settings) (Result, error) {
	if err := checkOverrides(&pod.Metadata); err != nil {
		return Result{}, err
	}
	env, err := render(pod, profile, &settings)
	if err != nil {
		return Result{}, err
	}
	request, err := readUploadRequest(pod, profile)
	if err != nil {
		return Result{}, err
	}
	d, err := newDesired(profile, &env, request != nil)
	if err != nil {
		return Result{}, err
	}
	p, err := newPlanner(pod, d, request, &settings)
	if err != nil {
		return Result{}, err
	}
	given, err := p.plan(request)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Operations: append(p.former.operations(), patch(p.pod, given)...), Size: p.size.bytes,
		Replaced: p.former.isReplaced(), Warnings: p.warnings.list(),
	}, nil
}

// render returns what the profile injects. It turns the profile's problems into a denial that lists them all.
func render(pod *Pod, prof *profile.Profile, settings *Settings) (profile.Environment, error) {
	tools, field := toolsOf(&pod.Metadata, prof.Spec)
	resolved := profile.ResolveWithTools(prof.Spec, tools)
	env, problems := resolved.Render(profile.Use{
		ToolsField: field, Namespace: namespaceOf(pod, prof), ServiceAccount: pod.ServiceAccount(), Files: filesOf(pod, &resolved),
	}, settings.Cluster)
	if len(problems) > 0 {
		return profile.Environment{}, denyProfile(prof, problems)
	}
	return env, nil
}

// denyProfile returns the denial of a pod whose profile has problems.
func denyProfile(prof *profile.Profile, found []profile.Problem) *DeniedError {
	denied := &DeniedError{Reason: ReasonNotSupported}
	for _, problem := range found {
		if !problem.Unsupported {
			denied.Reason = ReasonInvalidProfile
		}
		denied.Problems = append(denied.Problems, fmt.Sprintf("%s %s: %s", prof.Kind, prof, problem))
	}
	return denied
}

// namespaceOf returns the pod's namespace, as far as it is known.
func namespaceOf(pod *Pod, profile *profile.Profile) string {
	return cmp.Or(pod.Metadata.Namespace, profile.Namespace)
}
