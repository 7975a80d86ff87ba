package sidecar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/session"
	"lighterman.dev/lighterman/uploader/spool"
	"lighterman.dev/lighterman/uploader/transfer"
)

// Options are what a run needs.
type Options struct {
	Config *uploader.Config
	Pod    uploader.Pod
	Store  objstore.Store
	// Version is that of the program.
	Version string
	Log     *slog.Logger
	Metrics *Metrics
	// Sweep is how often the spool is walked, for events that were missed. Zero: 30 seconds.
	Sweep time.Duration
	// Settle is how long a file is left alone after its last change, for a writer that opens it again at once. Zero: one
	// second.
	Settle time.Duration
	// Patience bounds the preflight. Nil: 30 seconds for a refusal, one minute for a store that cannot be reached.
	Patience map[objstore.Class]time.Duration
}

// margin is what the drain leaves of the grace period, to say how it ended.
const margin = 5 * time.Second

// sidecar is one run.
type sidecar struct {
	Options

	spool    *spool.Spool
	journal  *journal.Journal
	sender   *transfer.Sender
	keys     uploader.Keys
	template *uploader.Template
	started  time.Time

	// asks are run by the loop, which alone touches what follows.
	asks chan func()
	// sending is the context of all sends; stop ends them.
	sending context.Context
	stop    context.CancelFunc
	workers sync.WaitGroup

	files    map[string]*file          // what is not durable, by path
	queue    []string                  // of them, what waits for a place
	busy     int                       // places that are taken
	due      time.Time                 // when the first of them is to be looked at
	wanted   bool                      // a walk is
	walked   time.Time                 // when the last one ended
	skipped  map[string]string         // entries that are no files, and why
	kept     map[string]bool           // durable files that could not be deleted; that was told
	commands map[string]wrappedCommand // the wrapped commands, by container
	goals    []*goal
	draining bool
	written  written

	ready atomic.Bool  // the preflight has passed
	bytes atomic.Int64 // that the store has taken in this life
}

// Run uploads until ctx ends. Closing drain asks it to upload what is left, and to end. The error says what is not
// durable; nil means that everything is.
func Run(ctx context.Context, drain <-chan struct{}, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := open(o)
	if err != nil {
		return err
	}
	defer s.close()
	s.sending, s.stop = context.WithCancel(ctx)
	defer s.stop()
	l, err := session.Listen(ctx, o.Config.Directory)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- session.Serve(ctx, l, s) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			o.Log.Warn("the socket", "error", err)
		}
	}()
	if err := s.prepare(ctx, drain); err != nil {
		return err
	}
	return s.run(ctx, drain)
}

func open(o Options) (*sidecar, error) {
	template, err := uploader.ParseTemplate(o.Config.Key)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	s := &sidecar{
		Options: o, template: template, keys: template.Keys(o.Config.Prefix, o.Pod), started: time.Now().UTC(),
		asks: make(chan func(), 64), files: map[string]*file{}, skipped: map[string]string{}, kept: map[string]bool{}, commands: map[string]wrappedCommand{},
	}
	fillOptions(&s.Options)
	if s.spool, err = spool.Open(o.Config.Spool); err != nil {
		return nil, err
	}
	partSize := o.Config.PartSizeMiB << 20
	gate := transfer.NewGate(o.Config.Concurrency, partSize)
	s.sender = &transfer.Sender{
		Store: o.Store, Spool: s.spool, Object: s.object, PartSize: partSize, Gate: gate,
		Limiter: transfer.NewLimiter(o.Config.BandwidthLimit), Retry: transfer.Retry{Slow: gate.Slow, Log: o.Log},
		Taken: &transfer.Taken{}, Progress: s.progress, Failing: s.failing, Log: o.Log,
	}
	return s, nil
}

func fillOptions(o *Options) {
	if o.Sweep == 0 {
		o.Sweep = 30 * time.Second
	}
	if o.Settle == 0 {
		o.Settle = time.Second
	}
	if o.Patience == nil {
		o.Patience = map[objstore.Class]time.Duration{
			objstore.Transient: time.Minute, objstore.Throttled: time.Minute, objstore.Unknown: 20 * time.Second,
			// GKE's metadata server knows a new pod after five to ten seconds; a role that was just granted takes longer.
			objstore.Denied: 30 * time.Second, objstore.Unauthenticated: 30 * time.Second, objstore.Expired: 30 * time.Second,
			objstore.ClockSkew: 10 * time.Second,
		}
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
}

// close frees what open has opened. The run is over; its errors are told.
func (s *sidecar) close() {
	err := s.spool.Close()
	if s.journal != nil {
		err = errors.Join(err, s.journal.Close())
	}
	if err != nil {
		s.Log.Warn("the run's own files", "error", err)
	}
}

func (s *sidecar) object(key string) *objstore.Object {
	return transfer.NewObject(s.Config, key, s.Pod.UID, time.Now())
}

// prepare opens the journal, proves that the store can be written, and frees what an earlier life has left in it.
func (s *sidecar) prepare(ctx context.Context, drain <-chan struct{}) error {
	j, stale, err := journal.Open(s.Config.Directory, s.Pod.UID)
	if err != nil {
		return err
	}
	s.journal, s.sender.Journal = j, j
	preflight, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-drain:
			cancel(errDrain)
		case <-preflight.Done():
		}
	}()
	err = s.preflight(preflight)
	if errors.Is(context.Cause(preflight), errDrain) {
		// An earlier life may have left something: it is drained, if the store lets us.
		s.Log.Warn("the pod ends before the store was proved to work", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	s.recall(preflight)
	s.free(preflight, stale)
	// What the preflight has needed of the SDK is not needed again.
	debug.FreeOSMemory()
	s.ready.Store(true)
	s.Log.Info("ready", "spool", s.Config.Spool, "prefix", s.keys.Prefix(), "durable", len(s.journal.Entries()))
	return nil
}

// recall takes over what an earlier life of the run has stored, where its journal is lost: it is in the manifest.
func (s *sidecar) recall(ctx context.Context) {
	if len(s.journal.Entries()) > 0 {
		return
	}
	m, err := manifest.Load(ctx, s.Store, s.keys.Manifest(s.Pod.UID))
	if err != nil {
		if class := objstore.ClassOf(err); class != objstore.NotFound && class != objstore.Denied {
			s.Log.Warn("whether there is a manifest of this run is not known", "error", err)
		}
		return
	}
	for _, f := range m.Files {
		s.journal.Done(journal.Entry{File: f})
	}
	s.started = m.Started
}

// free aborts uploads that nobody will complete. What cannot be freed costs storage, and nothing else.
func (s *sidecar) free(ctx context.Context, stale []journal.Upload) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, u := range stale {
		s.abort(ctx, u.Key, u.ID)
	}
	if !s.template.OfPod() {
		return // Another pod may be about to complete it.
	}
	known := map[string]bool{}
	for _, u := range s.journal.Uploads() {
		known[u.ID] = true
	}
	for u, err := range s.Store.Unfinished(ctx, s.keys.Prefix()) {
		if err != nil {
			s.Log.Warn("list unfinished uploads", "error", err)
			return
		}
		if !known[u.ID] {
			s.abort(ctx, u.Key, u.ID)
		}
	}
}

func (s *sidecar) abort(ctx context.Context, key, id string) {
	s.Log.Info("abort an upload that an earlier life has left", "key", key)
	if err := s.sender.AbortUpload(ctx, key, id); err != nil {
		s.Log.Warn("abort an upload", "key", key, "error", err)
	}
}

func (s *sidecar) progress(n int64) {
	s.bytes.Add(n)
	s.Metrics.bytes.Add(float64(max(0, n)))
}
