// Package profile holds what a credential profile means: which store and which auth mode it names, what its programs and backup
// tools need in their environment, and which problems it has.
//
// It is pure and knows no pod: package injector decides what becomes of a pod with a profile.
//
// Knowledge is data: one row per store and auth mode (stores.go, s3.go, azure_modes.go, gcs.go), per S3 preset (presets.go),
// per backup tool (tool_*.go), per set of variables that makes an identity (identities.go) or is taken before one (rivals.go),
// and per webhook of a cloud provider that injects identities, too (cloudwebhooks.go).
//
// Resolve looks up the rows that a profile names, once. Resolved.Check returns the profile's problems, and Resolved.Render what a pod
// is given with it: an Environment, and the problems that the profile has for that pod.
package profile
