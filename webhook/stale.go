package webhook

import (
	"encoding/json"
	"errors"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/serviceaccounts"
)

// basis is what a denial follows from.
type basis int

const (
	// fromCluster: from a profile, a namespace or a service account, or from the pod beside one of them. The caches may
	// show it as it was, so the API server decides once more. It is the zero value: a reason
	// without a row is looked at once more.
	fromCluster basis = iota
	// fromPod: from the pod alone. Every look at the cluster would lead to the same denial.
	fromPod
)

// denialBasis has a row for each reason. A reason is fromPod only if no profile, namespace or service account has a part in
// any denial that has it.
var denialBasis = map[injector.Reason]basis{
	injector.ReasonUnknownTool: fromPod, // The annotation names it; what a profile names wrongly is InvalidProfile.

	injector.ReasonBothProfiles: fromCluster, // A service account or a namespace may have both annotations.
	// Likewise; and an annotation may be wrong beside one profile only.
	injector.ReasonInvalidAnnotation:          fromCluster,
	injector.ReasonUnknownProfile:             fromCluster,
	injector.ReasonAmbiguousSelector:          fromCluster,
	injector.ReasonIncompleteIdentity:         fromCluster, // Whether a half is one depends on what the profile injects.
	injector.ReasonAmbiguousIdentity:          fromCluster,
	injector.ReasonDroppedIdentity:            fromCluster, // Another auth mode may be passed on.
	injector.ReasonNamespaceNotAllowed:        fromCluster,
	injector.ReasonServiceAccountNotAllowed:   fromCluster,
	injector.ReasonServiceAccountNotAnnotated: fromCluster,
	injector.ReasonServiceAccountConflict:     fromCluster,
	injector.ReasonServiceAccountNotFound:     fromCluster,
	// A pod that a selector or a default found may be free of the profile by now.
	injector.ReasonUnknownContainer:      fromCluster,
	injector.ReasonNotSupported:          fromCluster,
	injector.ReasonInvalidProfile:        fromCluster,
	injector.ReasonUnresolvedPlaceholder: fromCluster, // A profile may have another prefix by now.
	injector.ReasonTooLarge:              fromCluster, // A profile with fewer variables fits.
	// What the pod has may be of a first pass, with the profile as it is now.
	injector.ReasonCollision: fromCluster,
}

// shouldRetryLive reports whether the API server decides once more what the caches have decided.
func shouldRetryLive(err error) bool {
	if denied, ok := errors.AsType[*injector.DeniedError](err); ok {
		return denialBasis[denied.Reason] != fromPod
	}
	return errors.Is(err, serviceaccounts.ErrProfileChanged) || errors.Is(err, errOtherRecord)
}

// errOtherRecord reports that the pod was injected before, by another profile or another generation of it than the caches show.
var errOtherRecord = errors.New("the pod was injected with another state of the profile than the caches show")

// matchesRecord reports whether the pod was never injected, or with the profile as it is given. Where not, either this
// replica's cache is behind that of the replica which made the first pass, and would bring the pod back to what the profile
// was; or the pod was restored or copied. The API server knows.
func matchesRecord(pod *injector.Metadata, profile *profile.Profile) bool {
	text, injected := pod.Annotations[injector.AnnotationInjected]
	if !injected {
		return true
	}
	var record injector.Record
	if err := json.Unmarshal([]byte(text), &record); err != nil {
		return false
	}
	return record.Kind == profile.Kind && record.Profile == profile.String() && record.UID == profile.UID &&
		record.Generation == profile.Generation
}
