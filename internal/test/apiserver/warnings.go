package apiserver

import (
	"sync"

	"k8s.io/client-go/rest"
)

// Warnings collects what an API server answers in Warning headers, as a rest.Config's WarningHandler. Its zero value holds
// none.
type Warnings struct {
	mu   sync.Mutex
	text []string
}

var _ rest.WarningHandler = (*Warnings)(nil)

// HandleWarningHeader keeps a warning.
func (w *Warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, text)
}

// Take returns the warnings since the last call.
func (w *Warnings) Take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.text
	w.text = nil
	return text
}
