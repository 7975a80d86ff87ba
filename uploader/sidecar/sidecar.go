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
	// WalkInterval is how often the spool is walked, for events that were missed. Zero: 30 seconds.
	WalkInterval time.Duration
	// SettleDelay is how long a file is left alone after its last change, for a writer that opens it again at once. Zero: one
	// second.
	SettleDelay time.Duration
	// PreflightLimits bounds the preflight. Nil: 30 seconds for a refusal, one minute for a store that cannot be reached.
	PreflightLimits map[objstore.Class]time.Duration
}

// drainReserve is what the drain leaves of the grace period, to say how it ended.
const drainReserve = 5 * time.Second

// sidecar is one run.
type sidecar struct {
	Options

	spool    *spool.Spool
	journal  *journal.Journal
	sender   *transfer.Sender
	keys     uploader.Keys
	template *uploader.Template
	started  time.Time

	// posted are run by the loop, which alone touches what follows.
	posted chan func()
	// sendCtx is the context of all sends; stop ends them.
	sendCtx     context.Context
	stopSending context.CancelFunc
	workers     sync.WaitGroup

	tracked     map[string]*trackedFile   // what is not durable, by path
	queue       []string                  // of them, what waits for a place
	openFiles   int                       // places that are taken
	nextRecheck time.Time                 // when the first of them is to be looked at
	walkWanted  bool                      // a walk is
	lastWalk    time.Time                 // when the last one ended
	skipped     map[string]string         // entries that are no files, and why
	undeletable map[string]bool           // durable files that could not be deleted; that was told
	commands    map[string]wrappedCommand // the wrapped commands, by container
	waiters     []*waiter
	draining    bool
	manifest    manifestState

	ready         atomic.Bool  // the preflight has passed
	uploadedBytes atomic.Int64 // that the store has taken in this life
}

// Run uploads until ctx ends. Closing drain asks it to upload what is left, and to end. The error says what is not
// durable; nil means that everything is.
func Run(ctx context.Context, drain <-chan struct{}, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := newSidecar(o)
	if err != nil {
		return err
	}
	defer s.close()
	s.sendCtx, s.stopSending = context.WithCancel(ctx)
	defer s.stopSending()
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
	if err := s.prepareRun(ctx, drain); err != nil {
		return err
	}
	return s.runLoop(ctx, drain)
}

func newSidecar(o Options) (*sidecar, error) {
	template, err := uploader.ParseTemplate(o.Config.Key)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	s := &sidecar{
		Options: o, template: template, keys: template.Keys(o.Config.Prefix, o.Pod), started: time.Now().UTC(),
		posted: make(chan func(), 64), tracked: map[string]*trackedFile{}, skipped: map[string]string{}, undeletable: map[string]bool{}, commands: map[string]wrappedCommand{},
	}
	fillOptions(&s.Options)
	if s.spool, err = spool.Open(o.Config.Spool); err != nil {
		return nil, err
	}
	partSize := o.Config.PartSizeMiB << 20
	gate := transfer.NewGate(o.Config.Concurrency, partSize)
	s.sender = &transfer.Sender{
		Store: o.Store, Spool: s.spool, NewObject: s.newObject, PartSize: partSize, Gate: gate,
		Limiter: transfer.NewLimiter(o.Config.BandwidthLimit), Retry: transfer.Retry{OnThrottled: gate.Narrow, Log: o.Log},
		TakenKeys: &transfer.TakenKeys{}, ReportProgress: s.addUploadedBytes, ReportDelay: s.reportDelay, Log: o.Log,
	}
	return s, nil
}

func fillOptions(o *Options) {
	if o.WalkInterval == 0 {
		o.WalkInterval = 30 * time.Second
	}
	if o.SettleDelay == 0 {
		o.SettleDelay = time.Second
	}
	if o.PreflightLimits == nil {
		o.PreflightLimits = map[objstore.Class]time.Duration{
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

func (s *sidecar) newObject(key string) *objstore.Object {
	return transfer.NewObject(s.Config, key, s.Pod.UID, time.Now())
}

// prepareRun opens the journal, proves that the store can be written, and frees what an earlier life has left in it.
func (s *sidecar) prepareRun(ctx context.Context, drain <-chan struct{}) error {
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
	err = s.checkStore(preflight)
	if errors.Is(context.Cause(preflight), errDrain) {
		// An earlier life may have left something: it is drained, if the store lets us.
		s.Log.Warn("the pod ends before the store was proved to work", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	s.restoreFromManifest(preflight)
	s.abortStaleUploads(preflight, stale)
	// What the preflight has needed of the SDK is not needed again.
	debug.FreeOSMemory()
	s.ready.Store(true)
	s.Log.Info("ready", "spool", s.Config.Spool, "prefix", s.keys.Prefix(), "durable", len(s.journal.Entries()))
	return nil
}

// restoreFromManifest takes over what an earlier life of the run has stored, where its journal is lost: it is in the manifest.
func (s *sidecar) restoreFromManifest(ctx context.Context) {
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
		s.journal.AddEntry(journal.Entry{File: f})
	}
	s.started = m.Started
}

// abortStaleUploads aborts uploads that nobody will complete. What cannot be freed costs storage, and nothing else.
func (s *sidecar) abortStaleUploads(ctx context.Context, stale []journal.Upload) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, u := range stale {
		s.abortUpload(ctx, u.Key, u.ID)
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
			s.abortUpload(ctx, u.Key, u.ID)
		}
	}
}

func (s *sidecar) abortUpload(ctx context.Context, key, id string) {
	s.Log.Info("abort an upload that an earlier life has left", "key", key)
	if err := s.sender.AbortUpload(ctx, key, id); err != nil {
		s.Log.Warn("abort an upload", "key", key, "error", err)
	}
}

func (s *sidecar) addUploadedBytes(n int64) {
	s.uploadedBytes.Add(n)
	s.Metrics.bytesTotal.Add(float64(max(0, n)))
}
