// Package webhook is the admission boundary: it decodes a review, decides whether to believe its sender, calls the pure
// injector with the profile that package resolve returns, responds and counts.
//
// Policy: a pod that gets a profile is injected, or denied with a message that names the cure; it is never admitted
// without its credentials. A pod that gets none is admitted untouched. Where Lighterman itself is at fault (it cannot
// reach the API server, for example) it refuses the pod with status 500, so that controllers retry; where it does not
// answer at all, the webhook configuration's failurePolicy decides: Fail.
//
// Profiles, namespaces and service accounts come from informer caches, so one admission costs no I/O. Before the webhook
// denies a pod because of one of them, it reads them once more from the API server: pod and profile may have been created
// together. The one thing that an admission writes are the annotations of the pod's service account that the profile
// requests and the cache does not show: see package serviceaccounts.
//
// The package knows no store, identity or tool by name.
package webhook
