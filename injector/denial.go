package injector

import (
	"fmt"
	"strings"

	"lighterman.dev/lighterman/internal/message"
)

// Reason is why a pod was denied, in one word. It is a metric label, an Event's reason and a log field, so the set is
// closed.
type Reason string

// The reasons for which a pod is denied.
const (
	ReasonBothProfiles             Reason = "BothProfiles"
	ReasonInvalidAnnotation        Reason = "InvalidAnnotation"
	ReasonUnknownProfile           Reason = "UnknownProfile"
	ReasonAmbiguousSelector        Reason = "AmbiguousSelector"
	ReasonNamespaceNotAllowed      Reason = "NamespaceNotAllowed"
	ReasonServiceAccountNotAllowed Reason = "ServiceAccountNotAllowed"
	// ReasonServiceAccountNotAnnotated: the service account lacks annotations that an administrator is to write.
	ReasonServiceAccountNotAnnotated Reason = "ServiceAccountNotAnnotated"
	// ReasonServiceAccountConflict: the service account has annotations of another author or of another profile.
	ReasonServiceAccountConflict Reason = "ServiceAccountConflict"
	ReasonServiceAccountNotFound Reason = "ServiceAccountNotFound"
	ReasonUnknownContainer       Reason = "UnknownContainer"
	ReasonUnknownTool            Reason = "UnknownTool"
	ReasonNotSupported           Reason = "NotSupported"
	ReasonInvalidProfile         Reason = "InvalidProfile"
	ReasonCollision              Reason = "Collision"
	// ReasonUnresolvedPlaceholder: a placeholder of the prefix stands for nothing in this pod.
	ReasonUnresolvedPlaceholder Reason = "UnresolvedPlaceholder"
	// ReasonTooLarge: the pod, or what it would be given, is larger than what can be stored.
	ReasonTooLarge Reason = "TooLarge"
	// ReasonIncompleteIdentity: a container sets a part of an identity itself.
	ReasonIncompleteIdentity Reason = "IncompleteIdentity"
	// ReasonAmbiguousIdentity: what a container takes from elsewhere may be taken before the profile's identity.
	ReasonAmbiguousIdentity Reason = "AmbiguousIdentity"
	// ReasonDroppedIdentity: a container's image does not pass the profile's identity on to its backup tool.
	ReasonDroppedIdentity Reason = "DroppedIdentity"
)

// DeniedError is why a pod cannot be admitted, and what to do. Every other error of this package is a fault of
// Lighterman itself.
type DeniedError struct {
	Reason Reason
	// Problems holds a sentence for each problem, naming the field and the cure; never empty.
	Problems []string
}

// The bounds of a denial's text. The API server and its clients hand it on as it is, and controllers put it into events
// and conditions that are read by people.
const (
	maxProblem = 1 << 10
	maxDenial  = 4 << 10
)

// Error joins the problems, as many as fit; those that do not fit are counted.
func (e *DeniedError) Error() string {
	var b strings.Builder
	for i, problem := range e.Problems {
		problem = message.Shorten(problem, maxProblem)
		more := fmt.Sprintf("; and %d more problems", len(e.Problems)-i)
		if b.Len()+len("; ")+len(problem)+len(more) > maxDenial {
			b.WriteString(more)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(problem)
	}
	return b.String()
}

// Deny returns the DeniedError with these problems.
func Deny(reason Reason, problems ...string) *DeniedError {
	return &DeniedError{Reason: reason, Problems: problems}
}
