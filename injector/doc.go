// Package injector decides what a pod is given so that it can reach its object store.
//
// It is pure: (pod, profile, settings) → JSON patch operations and warnings. It knows no context, client, clock,
// environment or logger, so the server, the command line and the tests run the very same code.
//
// What it adds: environment in front of each container's own, one projected volume with the token, the CA bundle and
// the credential files, a read-only mount of it, an init container that joins CA bundles where a profile asks for
// that, the uploader's containers, and annotations that record what was done.
//
// What a pod already has stays, but for four things: an empty variable gets a value, completion Wrap replaces a command
// by the uploader with that command, the uploader raises the grace period, and a pod that was injected before with
// another plan is brought up to date: what that pass wrote is removed (former.go). TestReplacesNothingElse holds the
// first three on every golden case, TestRestored the last.
//
// Each operation is computed from the few fields the rules read, so fields that this version of Kubernetes' types does not
// know survive. A variable that the user has set to a value is kept, and with it goes the whole group of variables that
// would compete with it.
//
// A second pass over its own result adds nothing, except to containers that came in between; the same input always
// makes the same bytes.
//
// The steps, each with its files, and no reference back:
//
//   - facts: what the pod has (pod.go, targets.go, presence.go), what an earlier pass left in it (former.go, strip.go), and
//     which uploader it asks for (uploader_request.go);
//   - desired: what the profile wants of any pod (desired.go, sources.go);
//   - decisions: methods of podScope, scope and planner, which return what they add (placement.go, identity.go, coexist.go,
//     proxy.go, writers.go, uploader_plan.go, planner.go);
//   - additions: what the pod gets (additions.go), and the record of it (added.go, outline.go);
//   - patch: the JSON patch operations (patch.go).
//
// What the profile means, with all knowledge of stores, auth modes and tools, is in package profile.
package injector
