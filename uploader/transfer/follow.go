package transfer

import (
	"context"
	"errors"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
)

// followInterval is how often followFile looks at the size of a growing file.
const followInterval = 200 * time.Millisecond

// follower sends the parts of a growing file. An error does not end it while the file grows: what it has sent is lost
// only when the store has lost it, and what the store refuses today it may take before the file is complete.
type follower struct {
	*transfer

	// stalledSince is when the first part failed that the store does not have yet; zero: none.
	stalledSince time.Time
	// pause is that before the next attempt, at retryAt.
	pause   time.Duration
	retryAt time.Time
	// resend means that parts failed, and are to be sent again.
	resend bool
}

// followFile sends each part of a growing file as soon as it is full, until writerClosed is closed. Parts that are in
// flight then, or have failed, are left to syncParts.
func (t *transfer) followFile(ctx context.Context, writerClosed <-chan struct{}) error {
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	s := &follower{transfer: t}
	for {
		if err := s.sendGrowth(ctx); err != nil {
			return err
		}
		select {
		case <-writerClosed:
			s.endStall("the writer has closed the file")
			return nil
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), t.waitInFlight())
		case <-tick.C:
		}
	}
}

// sendGrowth sends the parts that have become full, and those that failed. It returns an error if the file cannot be
// uploaded at all.
func (s *follower) sendGrowth(ctx context.Context) error {
	if time.Now().Before(s.retryAt) {
		return nil
	}
	err := s.sendFullParts(ctx)
	if err != nil || s.partFailed() {
		err = errors.Join(err, s.waitInFlight())
	}
	switch {
	case err == nil:
		if s.allStored() {
			s.endStall("the store has all parts")
		}
		return nil
	case errors.Is(err, ErrTooLarge):
		return errors.Join(err, s.abandonUpload(ctx))
	case ctx.Err() != nil:
		return err
	case errors.Is(err, ErrChanged):
		s.digest = newDigest() // The file was truncated. syncParts compares what was sent.
		return nil
	case objstore.ClassOf(err) == objstore.NoUpload:
		s.digest = newDigest()
		s.stall(s.restartUpload(ctx, "the store has lost it", err))
		return nil
	}
	s.stall(err)
	return nil
}

// stall makes the stream pause after an error; nil: it begins anew.
func (s *follower) stall(err error) {
	// The requests were retried before, as those of any other file.
	first, longest := s.Retry.pauses()
	s.pause = min(max(5*first, 2*s.pause), longest)
	s.retryAt, s.resend = time.Now().Add(s.pause), true
	if err == nil {
		return
	}
	if s.stalledSince.IsZero() {
		s.stalledSince = time.Now()
	}
	s.Retry.reportDelay(err)
	s.Log.Warn("stream stalled", "path", s.path, "since", s.stalledSince, "in", s.pause, "error", err,
		"class", objstore.ClassOf(err), "cure", objstore.CureOf(err))
}

// endStall ends the stall of a stream, for a reason.
func (s *follower) endStall(reason string) {
	s.pause = 0
	if s.stalledSince.IsZero() {
		return
	}
	s.Log.Info("stream continues", "path", s.path, "stalled", time.Since(s.stalledSince), "reason", reason)
	s.stalledSince = time.Time{}
	s.Retry.reportDelay(nil)
}

// partFailed reports whether a part in flight has failed.
func (s *follower) partFailed() bool {
	return s.parts.inFlight != nil && s.parts.inFlightCtx.Err() != nil
}

// allStored reports whether the store has every part that was read.
func (s *follower) allStored() bool {
	s.parts.mu.Lock()
	defer s.parts.mu.Unlock()
	return len(s.parts.stored) >= len(s.digest.sums)
}

// sendFullParts sends the parts that have become full since the last call, and those that failed.
func (s *follower) sendFullParts(ctx context.Context) error {
	state, err := s.file.State()
	if err != nil {
		return err
	}
	if err := s.checkSize(state.Size); err != nil {
		return err
	}
	if state.Size < s.layout.offsetOf(len(s.digest.sums)+1) {
		s.digest = newDigest() // The file was truncated.
	}
	if s.resend {
		if err := s.resendMissing(ctx, state.Size); err != nil {
			return err
		}
		s.resend = false
	}
	for s.layout.offsetOf(len(s.digest.sums)+2) <= state.Size && !s.partFailed() {
		if len(s.digest.sums) == s.Store.Limits().MaxParts {
			return s.planAnew(ctx, state.Size)
		}
		if err := s.sendNextPart(ctx, state.Size); err != nil {
			return err
		}
	}
	return nil
}

// resendMissing sends the parts again that were read, and that the store does not have.
func (s *follower) resendMissing(ctx context.Context, size int64) error {
	if err := s.beginUpload(ctx); err != nil {
		return err
	}
	for i := range s.digest.sums {
		s.parts.mu.Lock()
		_, stored := s.parts.stored[i+1]
		s.parts.mu.Unlock()
		if stored {
			continue
		}
		offset, length := s.partRange(i+1, size)
		c, err := checksumPart(s.file, offset, length, s.Store.Limits().Algorithm)
		if err != nil {
			return err
		}
		if c != s.digest.sums[i] {
			s.digest.sums[i], s.digest.valid = c, false
		}
		if err := s.ensurePart(ctx, i+1, offset, c); err != nil {
			return err
		}
	}
	return nil
}

// planAnew begins the upload anew with larger parts, for the file has grown beyond what its file system had when the
// parts were planned.
func (s *follower) planAnew(ctx context.Context, size int64) error {
	if err := s.waitInFlight(); err != nil {
		return err
	}
	limits := s.Store.Limits()
	if err := s.restartUpload(ctx, "the file needs larger parts", nil); err != nil {
		return err
	}
	s.layout = planGrowing(limits, s.PartSize, addProduct(0, size, 4))
	s.digest = newDigest()
	return nil
}

// sendNextPart adds the next part of the file to the digest, and sends it.
func (t *transfer) sendNextPart(ctx context.Context, size int64) error {
	if err := t.beginUpload(ctx); err != nil {
		return err
	}
	number := len(t.digest.sums) + 1
	offset, length := t.partRange(number, size)
	c, err := t.digest.addPart(t.file, offset, length, t.Store.Limits().Algorithm)
	if err != nil {
		return err
	}
	return t.ensurePart(ctx, number, offset, c)
}
