package sidecar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/session"
	"lighterman.dev/lighterman/uploader/spool"
	"lighterman.dev/lighterman/uploader/transfer"
)

// Options configure a run.
type Options struct {
	Config *uploader.Config
	Pod    uploader.Pod
	Store  objstore.Store
	// Version is that of the program.
	Version string
	Log     *slog.Logger
	Metrics *Metrics
	// WalkInterval is how often the sidecar walks the spool to find what the watch has missed. Zero: 30 seconds.
	WalkInterval time.Duration
	// SettleDelay is the time between the last change of a file and its upload, for a writer that opens the file again at
	// once. Zero: one second.
	SettleDelay time.Duration
	// PreflightLimits bound how long the preflight retries, by class. Nil: 30 seconds for a refusal, one minute for a
	// store that cannot be reached.
	PreflightLimits map[objstore.Class]time.Duration
}

// sidecar is what the goroutines of one run share. The state that only the loop may touch is in loop.
type sidecar struct {
	Options

	spool    *spool.Spool
	journal  *journal.Journal
	sender   *transfer.Sender
	keys     uploader.Keys
	template *uploader.Template
	started  time.Time

	// posted are functions for the loop to run.
	posted chan func(*loop)
	// sendCtx is the context of all uploads; stopSending ends them.
	sendCtx     context.Context
	stopSending context.CancelFunc
	workers     sync.WaitGroup

	ready         atomic.Bool  // the preflight has passed
	uploadedBytes atomic.Int64 // that the store has taken since this process started
}

// Run uploads the spool's files until ctx ends. Closing drain makes Run upload what is left, and return. It returns nil
// when every file is durable; otherwise the error names those that are not.
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
	listener, err := session.Listen(ctx, o.Config.Directory)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- session.Serve(ctx, listener, s) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			o.Log.Warn("serve socket", "error", err)
		}
	}()
	if err := s.prepareRun(ctx, drain); err != nil {
		return err
	}
	return newLoop(s).run(ctx, drain)
}

// newSidecar opens the spool and makes what sends its files.
func newSidecar(o Options) (*sidecar, error) {
	template, err := uploader.ParseTemplate(o.Config.Key)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	s := &sidecar{
		Options: o, template: template, keys: template.Keys(o.Config.Prefix, o.Pod), started: time.Now().UTC(),
		posted: make(chan func(*loop), 64),
	}
	fillOptions(&s.Options)
	if s.spool, err = spool.Open(o.Config.Spool); err != nil {
		return nil, err
	}
	s.spool.Enters = o.Config.Enters
	partSize := o.Config.PartSizeMiB << 20
	gate := transfer.NewGate(o.Config.Concurrency, partSize)
	s.sender = &transfer.Sender{
		Store: o.Store, Spool: s.spool, NewObject: s.newObject, PartSize: partSize, Gate: gate,
		Limiter: transfer.NewLimiter(o.Config.BandwidthLimit), Retry: transfer.Retry{OnThrottled: gate.Narrow, Log: o.Log},
		TakenKeys: &transfer.TakenKeys{}, ReportProgress: s.addUploadedBytes, ReportDelay: s.reportDelay, Log: o.Log,
	}
	return s, nil
}

// fillOptions sets the defaults.
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
			// Neither Misconfigured nor ProxyRefused: they do not pass by themselves.
		}
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
}

// close closes spool and journal. The run is over and its error returned: what fails here is only logged.
func (s *sidecar) close() {
	err := s.spool.Close()
	if s.journal != nil {
		err = errors.Join(err, s.journal.Close())
	}
	if err != nil {
		s.Log.Warn("close spool and journal", "error", err)
	}
}

// newObject returns the object of a key, with the settings of the profile.
func (s *sidecar) newObject(key string) *objstore.Object {
	return transfer.NewObject(s.Config, key, s.Pod.UID, time.Now())
}

// addUploadedBytes counts bytes that the store has taken; a negative number is to be sent again.
func (s *sidecar) addUploadedBytes(n int64) {
	s.uploadedBytes.Add(n)
	s.Metrics.bytesTotal.Add(float64(max(0, n)))
}
