// Package webhook is the admission boundary: it decodes a review, decides whether to believe its sender, calls the pure
// injector with the profile that package resolve returns, responds and counts.
//
// Policy: a pod that asks for a profile is injected or denied with a sentence that says what to do; it is never
// admitted without its credentials. A pod that asks for none is admitted untouched. Where Lighterman itself is at
// fault (it cannot reach the API server, say) the pod is refused with status 500, so that controllers try again; where
// it does not answer at all, the webhook configuration's failurePolicy decides: Fail.
//
// Profiles, namespaces and service accounts come from informer caches, so one admission costs no I/O. Before a pod is
// denied for what one of them says, they are read once more from the API server: pod and profile may have been created
// together. The one thing that an admission writes are the annotations of the pod's service account that the profile
// requests and the cache does not show: see package serviceaccounts.
//
// The package knows no store, identity or tool by name.
package webhook
