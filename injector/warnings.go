package injector

import (
	"fmt"

	"lighterman.dev/lighterman/internal/message"
)

// The bounds of the warnings. The API server cuts each warning to 256 characters once all of them have more than 4,096, and
// then leaves warnings out without a word (k8s.io/apiserver v0.37.1 pkg/endpoints/filters/warning.go). A little less is
// ours: other webhooks and policies warn too.
const (
	maxWarning  = 768
	maxWarnings = 3 << 10
)

// warn adds a warning, as long as there is room for it; those that there is no room for are counted.
func (p *plan) warn(format string, args ...any) {
	text := message.Shorten(fmt.Sprintf(format, args...), maxWarning)
	if p.warned += len(text); p.warned > maxWarnings {
		p.unsaid++
		return
	}
	p.warnings = append(p.warnings, text)
}

// allWarnings returns the warnings, with a last one that says how many were left out.
func (p *plan) allWarnings() []string {
	if p.unsaid == 0 {
		return p.warnings
	}
	return append(p.warnings, fmt.Sprintf(
		"%d more warnings of this kind are left out: the pod has many containers; name those that need the store in annotation %s",
		p.unsaid, AnnotationContainers))
}
