package certs

import (
	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// librarySink passes on the log of cert-manager's library. The library logs each attempt, and as an error that another process
// was faster, by which processes agree on a CA. Both are for debugging.
type librarySink struct {
	logr.LogSink
	// failed takes the errors that are real.
	failed func(error)
}

func newLibraryLogger(log logr.Logger, failed func(error)) logr.Logger {
	if log.GetSink() == nil {
		return logr.Discard()
	}
	return logr.New(librarySink{LogSink: log.GetSink(), failed: failed})
}

// Init does nothing: the sink was initialized by the logger that it comes from.
func (s librarySink) Init(logr.RuntimeInfo) {}

func (s librarySink) Enabled(level int) bool {
	return s.LogSink.Enabled(level + 1)
}

func (s librarySink) Info(level int, msg string, keysAndValues ...any) {
	s.LogSink.Info(level+1, msg, keysAndValues...)
}

func (s librarySink) Error(err error, msg string, keysAndValues ...any) {
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		if s.Enabled(0) {
			s.Info(0, msg, append([]any{"error", err}, keysAndValues...)...)
		}
		return
	}
	s.failed(err)
	s.LogSink.Error(err, msg, keysAndValues...)
}

func (s librarySink) WithValues(keysAndValues ...any) logr.LogSink {
	return librarySink{LogSink: s.LogSink.WithValues(keysAndValues...), failed: s.failed}
}

func (s librarySink) WithName(name string) logr.LogSink {
	return librarySink{LogSink: s.LogSink.WithName(name), failed: s.failed}
}
