package injector

import (
	"fmt"

	"lighterman.dev/lighterman/internal/message"
)

// The bounds of the warnings. The API server cuts each warning to 256 characters once all of them have more than 4,096,
// and then leaves warnings out without a word (k8s.io/apiserver v0.37.1 pkg/endpoints/filters/warning.go). A little
// less is ours: other webhooks and policies warn too.
const (
	maxWarning  = 768
	maxWarnings = 3 << 10
)

// warnings are sentences for the user, as many as there is room for.
type warnings struct {
	texts []string
	// bytes are those of all warnings; omitted is how many there was no room for.
	bytes, omitted int
}

// warn adds a warning, as long as there is room for it.
func (w *warnings) warn(format string, args ...any) {
	text := message.Shorten(fmt.Sprintf(format, args...), maxWarning)
	if w.bytes += len(text); w.bytes > maxWarnings {
		w.omitted++
		return
	}
	w.texts = append(w.texts, text)
}

// allWarnings returns the warnings, with a last one that counts those left out.
func (w *warnings) allWarnings() []string {
	if w.omitted == 0 {
		return w.texts
	}
	return append(w.texts, fmt.Sprintf(
		"%d more warnings of this kind are left out: the pod has many containers; name those that need the store in annotation %s",
		w.omitted, AnnotationContainers))
}
