// Package index finds the newest run of a series: the runs of one workload.
//
// Behind the manifest of a run that is complete or drained the sidecar writes a small object, whose key has the time of the
// run with all its digits turned round (9999999999 less the seconds since 1970), so that the newest key comes first:
//
//	<prefix>/.lighterman/runs/<namespace>/<series>/<complete|drained>/<turned time>-<uid of the pod>.json
//
// One listing of one key, and one read, find it, however many runs there are. An entry is written once and never replaced. The
// time is that of the store's clock where the store tells it: a node whose clock is wrong cannot pin its run to the front. An entry
// that claims to be newer than the store's own time of it is not believed.
//
// The sidecar removes the entries of a run that it takes back. One that it could not remove names a manifest that has another
// SHA-256 by then. A run may have several entries, if the sidecar was killed between its manifest and its answer: the newest counts.
package index
