package injector

import "gomodules.xyz/jsonpatch/v2"

// Result is what a pod is given.
type Result struct {
	// Operations are RFC 6902 operations for the pod's JSON, "add" alone unless the pod was injected before; none when the
	// pod has everything already.
	Operations []jsonpatch.Operation
	// Size is an upper bound of the operations for the containers, as JSON, in bytes.
	Size int
	// Replaced: what an earlier injection left in the pod is replaced. Between two passes of one admission that must
	// not be done with an older profile than the first pass had.
	Replaced bool
	// Warnings are sentences for the user: what was left as it is, and why.
	Warnings []string
}
