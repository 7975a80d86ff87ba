package injector

import "strings"

// Reason says in one word why a pod was denied. It is a metric label, an Event's reason and a log field, so the set is
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
	// ReasonServiceAccountNotAnnotated: the service account lacks annotations that somebody else is to write.
	ReasonServiceAccountNotAnnotated Reason = "ServiceAccountNotAnnotated"
	// ReasonServiceAccountConflict: the service account has annotations of somebody else, or of another profile.
	ReasonServiceAccountConflict Reason = "ServiceAccountConflict"
	ReasonServiceAccountNotFound Reason = "ServiceAccountNotFound"
	ReasonUnknownContainer       Reason = "UnknownContainer"
	ReasonUnknownTool            Reason = "UnknownTool"
	ReasonNotSupported           Reason = "NotSupported"
	ReasonInvalidProfile         Reason = "InvalidProfile"
	ReasonCollision              Reason = "Collision"
)

// DeniedError says why a pod cannot be admitted, and what to do. Every other error of this package is a fault of
// Lighterman itself.
type DeniedError struct {
	Reason Reason
	// Problems holds a sentence for each problem, naming the field and the cure; never empty.
	Problems []string
}

// Error joins the problems.
func (e *DeniedError) Error() string { return strings.Join(e.Problems, "; ") }

// Deny makes a DeniedError of its problems.
func Deny(reason Reason, problems ...string) *DeniedError {
	return &DeniedError{Reason: reason, Problems: problems}
}
