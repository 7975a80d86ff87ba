// Package caller decides whether a request to the webhook comes from the API server.
//
// Three methods can prove it, of which a cluster has one or none:
//
//   - a client certificate, where the API server's admission configuration names one;
//   - a token bound to the webhook configuration (KEP-6060), where the cluster sends it;
//   - the path, where the webhook configuration holds one that cannot be guessed.
//
// A certificate or a token is stronger than the path, which the API server prints in its errors. Where either is
// configured, the path proves nothing any more; a migration can put that off with Options.ReportOnly.
//
// A request that proves nothing is refused before its body is read. Every refusal has the same status and the same
// sentence; the reason is in the log, whose rate is bounded, and in a metric. Where no method is configured, the verdict
// is Unproven: such a review may be answered, but must never cause a write or a read of the API server.
//
// The package knows nothing of pods and profiles.
package caller
