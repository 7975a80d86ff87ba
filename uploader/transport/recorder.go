package transport

import (
	"net/http"
	"sync"
)

// Recorder keeps the error of the network that a library turns into text, for its class.
type Recorder struct {
	next  http.RoundTripper
	calls sync.Mutex

	mu  sync.Mutex
	err error
}

// Record returns a client like the given one, and the recorder of its errors.
func Record(client *http.Client) (*http.Client, *Recorder) {
	r := &Recorder{next: client.Transport}
	recorded := *client
	recorded.Transport = r
	return &recorded, r
}

// RoundTrip implements http.RoundTripper.
func (r *Recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := r.next.RoundTrip(request)
	r.keep(err)
	return answer, err
}

func (r *Recorder) keep(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// Do calls a function that sends requests with the client, one call at a time. It joins the function's error with that of the last
// request.
func (r *Recorder) Do(call func() error) error {
	r.calls.Lock()
	defer r.calls.Unlock()
	r.keep(nil)
	err := call()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil || r.err == nil {
		return err
	}
	return &recordedError{err, r.err}
}

// recordedError has the text of a library, and the error of the network behind it.
type recordedError struct{ text, network error }

func (e *recordedError) Error() string { return e.text.Error() }

func (e *recordedError) Unwrap() []error { return []error{e.text, e.network} }
