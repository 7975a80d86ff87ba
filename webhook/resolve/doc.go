// Package resolve decides which profile a pod gets.
//
// A profile is found, in this order, by the pod's own annotation, by the default that its service account names, by the
// default that its namespace names, and by the profiles' selectors. Then the pod's namespace and service account must be
// allowed to use it. A pod that opts out gets none.
//
// The rules read a Source. The webhook has three: the informers' caches, the API server, and the caches without any I/O;
// "lighterman inject" has one more over files. So the command's answer is the webhook's.
//
// The package knows nothing of HTTP, reviews or the annotations that Lighterman writes.
package resolve
