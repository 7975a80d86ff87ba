package session_test

import (
	"errors"
	"io"

	"lighterman.dev/lighterman/uploader/session"
)

// OutputStarted reads the output to its end.
func (r *recorder) OutputStarted(
	a session.Attempt, path string, output io.ReadCloser,
) (func() session.OutputProgress, error) {
	if a.Container == "unwanted" {
		return nil, errors.Join(errors.New("unwanted"), output.Close())
	}
	go func() {
		text, err := io.ReadAll(output)
		r.record("output %s %s %q %v", a.Container, path, text, errors.Join(err, output.Close()))
	}()
	return func() session.OutputProgress { return session.OutputProgress{} }, nil
}
