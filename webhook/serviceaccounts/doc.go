// Package serviceaccounts keeps the annotations of service accounts that profiles request, by which a cloud knows the
// identity of a pod.
//
// An Annotator applies them before a pod is admitted, or denies the pod. It records the profiles that request annotations,
// the requesters, on the service account itself, so that any replica can derive the desired annotations. A reconciler
// updates the annotations when a profile changes, and removes them when no requester is left. It can also annotate the
// accounts that profiles name before any pod asks.
//
// Lighterman writes by server-side apply and takes no annotation over from another field manager: such a conflict, and one
// between two profiles, denies the pod that comes second.
//
// The package knows nothing of HTTP and reviews.
package serviceaccounts
