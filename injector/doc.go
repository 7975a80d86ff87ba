// Package injector decides what a pod is given so that it can reach its object store.
//
// It is pure: (pod, profile, settings) → JSON patch operations and warnings. It knows no context, client, clock,
// environment or logger, so the server, the command line and the tests run the very same code.
//
// What it adds: environment in front of each container's own, one projected volume with the token, the CA bundle and
// the credential files, a read-only mount of it, an init container that joins CA bundles where a profile asks for
// that, the uploader's containers, and annotations that say what was done.
//
// The injector leaves existing fields alone, but for four: an empty variable gets a value, Wrap puts the uploader in front
// of a command, the uploader raises the grace period, and what an earlier pass of another plan wrote is removed (former.go).
// Each operation is computed from the few fields the rules read, so fields that this version of Kubernetes' types does not
// know survive. TestInject holds both on every golden case, TestRestored the last of the four. A variable that the user has set to a value is kept, and with it goes the whole group of variables that
// would compete with it.
//
// A second pass over its own result adds nothing, except to containers that came in between; the same input always
// gives the same bytes.
//
// What the profile means, with all knowledge of stores, auth modes and tools, is in package profile.
package injector
