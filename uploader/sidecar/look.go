package sidecar

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
	"lighterman.dev/lighterman/uploader/transfer"
)

// file is a file of the spool that is not durable.
type file struct {
	// state is what it was when it was last looked at.
	state spool.State
	// closed means that its writer was seen to close it.
	closed bool
	// due is when to look again; zero: when something happens.
	due time.Time
	// writing means that somebody has it open for writing.
	writing bool
	// queued, and then sending.
	queued, sending bool
	// growing is closed when the writer of a file that is followed has closed it.
	growing chan struct{}
	// err is why it could not be sent, failures how often; final: nothing but a change of the file will help.
	err      error
	failures int
	final    bool
	// delay is what the store says at each attempt while it is being sent.
	delay error
}

const (
	// places is how many files are read at a time. What is sent at a time is the gate's business.
	places = 32
	// empty is how long an empty file is left alone: mktemp makes such, for a program that fills it later.
	empty = time.Minute
	// impatience is how soon a file is looked at again that was changing.
	impatience = time.Second
)

// see notes a file, unless it is durable or is not to be uploaded.
func (s *sidecar) see(path string, state spool.State) {
	if !s.Config.Matches(path) {
		return
	}
	if e, ok := s.journal.Entry(uploader.Escape(path)); ok && e.State == state {
		s.settled(path, e)
		return
	}
	f := s.files[path]
	if f == nil {
		f = &file{}
		s.files[path] = f
	}
	if f.state != state {
		f.state, f.final = state, false
	}
}

// settled drops what is durable; and where that is asked, the file itself, as soon as a manifest names it.
func (s *sidecar) settled(path string, e journal.Entry) {
	if f := s.files[path]; f != nil && !f.sending {
		delete(s.files, path)
	}
	if s.Config.AfterUpload != uploader.Delete || !s.written.has(e) {
		return
	}
	err := s.spool.Remove(path, e.State)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		delete(s.kept, path)
	} else if !s.kept[path] { // Each walk tries again.
		s.kept[path] = true
		s.Log.Warn("the file is stored, and stays in the spool", "path", path, "error", err)
	}
}

// look decides what is to be done with a file that is not durable.
func (s *sidecar) look(path string, f *file) {
	if f.queued || (f.sending && f.growing == nil) || (f.final && f.err != nil) {
		return
	}
	if f.err != nil && !f.due.IsZero() {
		return // It failed a moment ago.
	}
	if uploader.Temporary(path) && !s.ending() {
		return
	}
	if s.await(path, f) {
		return
	}
	if f.growing != nil {
		close(f.growing)
		f.growing = nil
		return
	}
	if rest := s.rest(f); rest > 0 {
		s.later(f, rest)
		return
	}
	f.queued = true
	s.queue = append(s.queue, path)
}

// await reports whether the file is still written to, as far as anybody can tell, and follows it if that is asked.
func (s *sidecar) await(path string, f *file) bool {
	writers, err := s.writers(path)
	if err != nil {
		return false // Sending it says why.
	}
	f.writing = writers == spool.Writing
	switch {
	case writers == spool.None, writers == spool.Unknown && (f.closed || s.ending()):
		return false
	case f.growing != nil:
	case f.writing && s.Config.Upload == uploader.Stream && f.state.Size >= s.sender.PartSize:
		f.growing = make(chan struct{})
		s.send(path, f)
	}
	s.later(f, impatience)
	return true
}

func (s *sidecar) writers(path string) (spool.Writers, error) {
	f, err := s.spool.Open(path)
	if err != nil {
		return spool.Unknown, err
	}
	defer f.Close() //nolint:errcheck // It is only looked at.
	return f.Writers(), nil
}

// rest is how long a file is left alone before it is sent.
func (s *sidecar) rest(f *file) time.Duration {
	if s.ending() {
		return 0
	}
	wanted := s.Settle
	if f.state.Size == 0 {
		wanted = empty
	}
	return min(wanted, wanted-time.Since(time.Unix(0, f.state.Changed)))
}

// start sends what waits, while there are places.
func (s *sidecar) start() {
	for len(s.queue) > 0 && s.busy < places {
		path := s.queue[0]
		s.queue = s.queue[1:]
		f := s.files[path]
		if f == nil || f.sending {
			continue
		}
		f.queued = false
		s.busy++
		s.send(path, f)
	}
}

// send sends a file in a goroutine of its own. One that is followed takes no place: it waits for its writer most of the
// time.
func (s *sidecar) send(path string, f *file) {
	f.sending, f.closed = true, false
	growing := f.growing
	s.workers.Go(func() {
		entry, err := s.sendFile(s.sending, path, growing)
		s.ask(func() {
			if growing == nil {
				s.busy--
			}
			f.sending, f.growing, f.delay = false, nil, nil
			s.sent(path, f, entry, err)
		})
	})
}

func (s *sidecar) sendFile(ctx context.Context, path string, growing <-chan struct{}) (journal.Entry, error) {
	key, err := s.keys.Of(path)
	if err != nil {
		return journal.Entry{}, err
	}
	f, err := s.spool.Open(path)
	if err != nil {
		return journal.Entry{}, err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	return s.sender.Send(ctx, f, key, growing)
}

// failing notes what delays a file that is being sent. What the store has said counts for more than that a connection to it
// broke: a store that refuses a request may close the connection in the middle of it.
func (s *sidecar) failing(path string, err error) {
	s.ask(func() {
		f := s.files[path]
		if f == nil || (err != nil && f.delay != nil && objstore.ClassOf(err) == objstore.Transient) {
			return
		}
		f.delay = err
	})
}

// sent takes the result of a send.
func (s *sidecar) sent(path string, f *file, entry journal.Entry, err error) {
	switch {
	case err == nil:
		f.err, f.failures = nil, 0
		s.written.dirty = true
		s.Metrics.files.WithLabelValues("stored").Inc()
		s.Log.Info("stored", "path", entry.Path, "key", entry.Key, "size", entry.Size, "sha256", entry.SHA256, "version", entry.Version)
		delete(s.files, path)
	case errors.Is(err, fs.ErrNotExist):
		delete(s.files, path)
	case errors.Is(err, transfer.ErrWriting), errors.Is(err, transfer.ErrChanged), errors.Is(err, spool.ErrReplaced):
		s.later(f, impatience)
		f.closed = true
	case s.sending.Err() != nil:
		f.err = err
	default:
		s.failed(path, f, err)
	}
	// It may have changed while it was sent.
	if state, err := s.spool.Stat(path); err == nil && f.due.IsZero() {
		s.see(path, state)
		if again := s.files[path]; again != nil {
			s.look(path, again)
		}
	}
}

// passing are the classes of errors that may be gone later. The others need somebody to change something.
var passing = map[objstore.Class]bool{
	objstore.Transient: true, objstore.Throttled: true, objstore.Unknown: true, objstore.Expired: true,
}

// failed decides when a file is tried again.
func (s *sidecar) failed(path string, f *file, err error) {
	f.err, f.closed = err, true
	f.failures++
	f.final = errors.Is(err, transfer.ErrConflict) || errors.Is(err, uploader.ErrKeyTooLong) || errors.Is(err, spool.ErrNotRegular)
	pause := min(5*time.Minute, 30*time.Second<<min(f.failures-1, 4))
	if len(s.goals) > 0 {
		// Somebody waits for the end: try what may help, and no more.
		pause = 5 * time.Second
		_, ofStore := errors.AsType[*objstore.Error](err)
		f.final = f.final || !ofStore || !passing[objstore.ClassOf(err)]
	}
	if !f.final {
		s.later(f, pause)
	}
	s.Metrics.files.WithLabelValues("failed").Inc()
	s.Log.Error("not stored", "path", path, "error", err, "class", objstore.ClassOf(err), "cure", objstore.CureOf(err), "again", !f.final)
}
