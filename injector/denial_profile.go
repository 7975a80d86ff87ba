package injector

import (
	"fmt"

	"lighterman.dev/lighterman/profile"
)

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
