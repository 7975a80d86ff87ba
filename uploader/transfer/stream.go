package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/journal"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/spool"
)

// ErrStreamTooLarge is the error of a stream that is larger than any object that can be made of it.
var ErrStreamTooLarge = errors.New("the output is larger than the largest object")

// Stream sends what a command writes, of which nothing is kept on a disk. Its bytes are read once: a part stays in memory
// until the store has confirmed it. Nothing is visible before Publish.
type Stream struct {
	t    *transfer
	plan streamPlan
	// memory bounds the parts that are in memory.
	memory *streamMemory
	// offset is where the next part begins, and read how much was read; the latter is for other goroutines.
	offset int64
	read   atomic.Int64
	// waiting is since when the reader waits for bytes, in nanoseconds since 1970; zero: it does not. waited is how long it
	// has waited before.
	waiting, waited atomic.Int64
	// only is the whole content, where it is sent in one request; nil: it is in parts.
	only []byte
	// ended is when the end of the stream was read.
	ended time.Time
	// mu makes Publish and Abort wait for each other. aborted means that there is nothing to publish.
	mu      sync.Mutex
	aborted bool
}

var errAborted = errors.New("the stream was aborted")

// streamRetryLimit bounds how long a request of a stream is retried, for the classes of errors that may pass. The command
// waits meanwhile, and nothing is lost by it; what was sent would be.
const streamRetryLimit = 30 * time.Minute

// NewStream returns a stream that becomes the object of a key. Its parts have at most so many bytes of memory together.
func (s *Sender) NewStream(path, key string, memory int64) *Stream {
	sender := *s.forPath(path)
	sender.Retry.Limits = map[objstore.Class]time.Duration{}
	limits := s.Retry.Limits
	if limits == nil {
		limits = DefaultLimits
	}
	for class, limit := range limits {
		sender.Retry.Limits[class] = max(limit, streamRetryLimit)
	}
	plan := newStreamPlan(s.Store.Limits(), s.PartSize, memory)
	return &Stream{
		t: &transfer{
			Sender: &sender, path: uploader.Escape(path), object: s.NewObject(key), digest: newDigest(),
			layout: layout{first: plan.size(1)}, parts: newParts(), lastPartResent: true, // It is in memory no more.
		},
		plan: plan,
		// One part is filled while as many are sent as the gate lets through.
		memory: newStreamMemory(plan.memory, s.Gate.Places()+1),
	}
}

// RestoreStream returns the stream that an earlier process has sent to its end and not published. It reports whether the
// journal has it.
func (s *Sender) RestoreStream(path, key string) (*Stream, bool) {
	u, ok := s.Journal.Upload(uploader.Escape(path))
	if !ok || u.Staged == nil || u.Key != key {
		return nil, false
	}
	restored := s.NewStream(path, key, 0)
	restored.t.id, restored.t.parts.stored, restored.t.staged = u.ID, u.Parts, u.Staged
	restored.t.takeStaged(u.Staged.State)
	restored.read.Store(u.Staged.State.Size)
	restored.ended = time.Unix(0, u.Staged.State.Modified)
	return restored, true
}

func newParts() *parts {
	return &parts{stored: map[int]objstore.Part{}, reported: map[int]int64{}}
}

// Largest returns the size of the largest stream that can be sent.
func (s *Stream) Largest() int64 { return s.plan.largest() }

// Read returns how many bytes were read so far.
func (s *Stream) Read() int64 { return s.read.Load() }

// Waited returns how long Send has waited for bytes so far, and not for the store.
func (s *Stream) Waited() time.Duration {
	waited := s.waited.Load()
	if since := s.waiting.Load(); since != 0 {
		waited += time.Now().UnixNano() - since
	}
	return time.Duration(waited)
}

// CheckKey returns ErrConflict if an object has the key and must not be replaced: a command would run in vain. Where that
// cannot be found out, Publish does.
func (s *Stream) CheckKey(ctx context.Context) error {
	if s.t.canStatFirst() && s.t.statOnce(ctx) == nil {
		return fmt.Errorf("%w: %s", ErrConflict, s.t.object.Key)
	}
	return nil
}

// Send reads to the end, sends each part as soon as it is full, and waits until the store has confirmed all. It closes r as
// soon as no more can be stored, so that the writer gets an error. When it fails, the upload is aborted.
func (s *Stream) Send(caller context.Context, r io.ReadCloser) error {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(caller))
	defer cancel(nil)
	inFlight, inFlightCtx := errgroup.WithContext(ctx)
	if s.t.Store.Limits().Sequential {
		inFlight.SetLimit(1)
	}
	// Reading ends with an error then.
	context.AfterFunc(inFlightCtx, func() { r.Close() })
	defer context.AfterFunc(caller, func() {
		r.Close()
		time.AfterFunc(partGrace, func() { cancel(context.Cause(caller)) })
	})()
	err := s.readParts(inFlightCtx, r, inFlight)
	if err != nil {
		defer time.AfterFunc(partGrace, func() { cancel(err) }).Stop()
	}
	// Where a part has failed, reading has failed because of it.
	if sendErr := inFlight.Wait(); sendErr != nil {
		err = sendErr
	}
	if err != nil {
		if caller.Err() != nil {
			err = context.Cause(caller)
		}
		return errors.Join(err, s.Abort(ctx))
	}
	if s.t.id != "" {
		s.t.Journal.StageUpload(s.t.path, journal.Staged{State: s.State(), SHA256: s.t.digest.hexSHA256()})
	}
	return nil
}

// partGrace is how long parts in flight may take when the stream is given up. A store that is asked to abort an upload while
// it receives a part may keep that part: docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html.
const partGrace = 2 * time.Second

// readParts reads to the end, and has each part sent.
func (s *Stream) readParts(ctx context.Context, r io.Reader, inFlight *errgroup.Group) error {
	for number := 1; ; number++ {
		size := s.plan.size(number)
		if size == 0 {
			return s.checkEnd(r)
		}
		buffer, err := s.memory.take(ctx, size)
		if err != nil {
			return err
		}
		c, last, err := s.fill(r, buffer.data)
		if err != nil {
			return err
		}
		if last && s.t.id == "" && c.size <= s.t.Store.Limits().MaxPut {
			s.only, s.ended = buffer.data[:c.size], time.Now()
			return nil
		}
		if c.size > 0 {
			if err := s.sendPart(ctx, inFlight, number, c, buffer); err != nil {
				return err
			}
		}
		if last {
			s.ended = time.Now()
			return nil
		}
	}
}

// checkEnd returns an error unless the stream has ended: there is no part for what follows.
func (s *Stream) checkEnd(r io.Reader) error {
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return fmt.Errorf("%w: the store takes %d bytes in parts of up to %d MiB: %s", ErrStreamTooLarge, s.Largest(),
			s.plan.lastSize()>>20, "raise the memory limit of spec.uploader.resources, and spec.uploader.partSizeMiB")
	case errors.Is(err, io.EOF):
		s.ended = time.Now()
		return nil
	default:
		return fmt.Errorf("read the output: %w", err)
	}
}

// chunk is how much is read at a time: it is still in the processor's cache when its checksums are made.
const chunk = 256 << 10

// fill reads until the buffer is full or the stream ends, and adds what it reads to the digest.
func (s *Stream) fill(r io.Reader, buffer []byte) (c content, last bool, err error) {
	h := checksum.New(s.t.Store.Limits().Algorithm)
	filled := 0
	for filled < len(buffer) && !last {
		began := time.Now()
		s.waiting.Store(began.UnixNano())
		n, err := r.Read(buffer[filled:min(len(buffer), filled+chunk)])
		s.waiting.Store(0)
		s.waited.Add(int64(time.Since(began)))
		piece := buffer[filled : filled+n]
		h.Write(piece)
		s.t.digest.sha.Write(piece)
		filled += n
		s.read.Add(int64(n))
		if err != nil && !errors.Is(err, io.EOF) {
			return content{}, false, fmt.Errorf("read the output: %w", err)
		}
		last = err != nil
	}
	return content{size: int64(filled), sum: checksum.Sum(s.t.Store.Limits().Algorithm, h)}, last, nil
}

// sendPart has a part sent, and its buffer freed behind that.
func (s *Stream) sendPart(
	ctx context.Context, inFlight *errgroup.Group, number int, c content, buffer *streamBuffer,
) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	offset := s.offset
	s.offset += c.size
	s.t.digest.sums = append(s.t.digest.sums, c)
	inFlight.Go(func() error {
		defer s.memory.free(buffer)
		source := newPartReader(buffer.data[:c.size], offset)
		defer source.end()
		return s.t.sendPartFrom(ctx, source, number, offset, c)
	})
	return nil
}

// begin begins the upload. A key that is taken is an error at once: nothing can become of the stream.
func (s *Stream) begin(ctx context.Context) error {
	if err := s.t.beginUpload(ctx); err != nil {
		return err
	}
	if s.t.keyTaken() {
		return fmt.Errorf("%w: %w", ErrConflict, s.t.parts.existsErr)
	}
	return nil
}

// State returns what the journal has in place of the state of a file.
func (s *Stream) State() spool.State {
	return spool.State{Size: s.Read(), Modified: s.ended.UnixNano()}
}

// Publish makes the stream's object visible, after Send. It may be called again after an error.
func (s *Stream) Publish(ctx context.Context) (journal.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aborted || s.ended.IsZero() {
		return journal.Entry{}, errAborted
	}
	whole, stored, err := s.publish(ctx)
	if err == nil {
		err = s.t.checkStored(whole, stored)
	}
	if err != nil {
		return journal.Entry{}, err
	}
	entry := s.t.newEntry(s.State(), stored, s.t.digest.hexSHA256())
	s.t.Journal.AddEntry(entry)
	return entry, nil
}

func (s *Stream) publish(ctx context.Context) (content, objstore.Stored, error) {
	if s.t.id == "" {
		return s.putWhole(ctx)
	}
	list, err := s.t.listParts()
	if err != nil {
		return content{}, objstore.Stored{}, err
	}
	whole := content{size: s.Read(), sum: checksum.Combine(list)}
	stored, err := s.t.completeUpload(ctx, list, whole)
	return whole, stored, err
}

// putWhole stores a small stream in one request.
func (s *Stream) putWhole(ctx context.Context) (content, objstore.Stored, error) {
	a := s.t.Store.Limits().Algorithm
	c := content{size: int64(len(s.only)), sum: checksum.Of(a, s.only)}
	source := newPartReader(s.only, 0)
	defer source.end()
	stored, err := sendBodyFrom(ctx, s.t, source, "put "+s.t.object.Key, 0, c, s.t.newPut())
	if objstore.ClassOf(err) == objstore.Exists {
		stored, err = s.t.adoptExisting(ctx, c, func() (*digest, error) { return s.t.digest, nil }, err)
	}
	if err == nil {
		s.t.ReportProgress(c.size)
	}
	return c, stored, err
}

// Abort aborts the upload, so that nothing of the stream stays in the store. It runs also when ctx has ended.
func (s *Stream) Abort(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.aborted, s.only = true, nil
	return s.t.abandonUpload(ctx)
}

// abortTimeout bounds how long an upload is tried to be aborted. What stays is aborted at the next start.
const abortTimeout = 30 * time.Second
