package sidecar

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/index"
	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/transfer"
)

// previousRun is the run with which the size of this one is compared: the last complete one of its series.
type previousRun struct {
	entry *index.Entry
	// err is index.ErrNone for the first run of a series, and otherwise why the run is not known.
	err error
}

// unmetBounds returns, in words, each bound that a run of these totals does not meet, and by how much. Of the previous run it
// looks at the bytes alone: how many files a dump has is its format's business, and bounded by MinFiles.
func unmetBounds(expect uploader.Expect, totals manifest.Totals, previous previousRun) (unmet []string) {
	addUnmet := func(has, least int64, what, bound string) {
		if has < least {
			unmet = append(unmet, fmt.Sprintf("it has %d %s, and %s: %d too few", has, what, bound, least-has))
		}
	}
	minFiles := *cmp.Or(expect.MinFiles, new(int64(uploader.DefaultMinFiles)))
	addUnmet(int64(totals.Files), minFiles, "files", fmt.Sprintf("uploader.expect.minFiles is %d", minFiles))
	addUnmet(totals.Bytes, expect.MinBytes, "bytes", fmt.Sprintf("uploader.expect.minBytes is %d", expect.MinBytes))
	switch {
	case expect.MaxShrinkPercent == 0, errors.Is(previous.err, index.ErrNone):
	case previous.err != nil:
		unmet = append(unmet, fmt.Sprintf("uploader.expect.maxShrinkPercent is %d, and the last complete run is not known: %v",
			expect.MaxShrinkPercent, previous.err))
	default:
		e := previous.entry
		least := leastAfterShrink(e.Bytes, expect.MaxShrinkPercent)
		addUnmet(totals.Bytes, least, "bytes", fmt.Sprintf(
			"uploader.expect.maxShrinkPercent is %d, of the %d bytes of the run %s, written at %s, at least %d are expected",
			expect.MaxShrinkPercent, e.Bytes, e.Run, e.Written.Format(time.RFC3339), least,
		))
	}
	return unmet
}

// leastAfterShrink returns the size of a run that is smaller than another by a percentage, rounded up.
func leastAfterShrink(bytes, percent int64) int64 {
	// Neither is negative: index.Decode and Config.CheckSettings see to that.
	hi, lo := bits.Mul64(uint64(bytes), uint64(100-percent)) //nolint:gosec // See above.
	least, rest := bits.Div64(hi, lo, 100)
	if rest > 0 {
		least++
	}
	return int64(least) //nolint:gosec // It is at most bytes.
}

// unexpectedError says that a run is not what uploader.expect expects.
type unexpectedError struct {
	unmet []string
	// noFiles means that the run has none.
	noFiles bool
}

func (e *unexpectedError) Error() string {
	return "the run is not complete, for it is not what is expected: " + strings.Join(e.unmet, "; ") +
		": look at what the containers wrote, or change the bound in the profile"
}

// checkExpect checks whether a run of these totals meets the bounds of the configuration, before anything of it is
// published. It reads the previous run only where a bound needs it. The loop then calls onChecked.
func (l *loop) checkExpect(totals manifest.Totals, onChecked func(*loop, error)) {
	s := l.sidecar
	if s.expect().MaxShrinkPercent == 0 {
		onChecked(l, s.expectError(totals, previousRun{}))
		return
	}
	s.workers.Go(func() {
		err := s.expectError(totals, s.loadPreviousRun(s.sendCtx, &s.sender.Retry))
		s.post(func(l *loop) { onChecked(l, err) })
	})
}

// writeFinalManifest writes the manifest of a run that has ended, if it is what is expected, and otherwise an open one. The
// loop then calls onWritten.
func (l *loop) writeFinalManifest(onWritten func(*loop, error)) {
	state := l.finalState()
	switch {
	case state == manifest.Open:
		l.writeManifest(state, onWritten)
		return
	case state == l.manifest.state && !l.manifest.outdated:
		onWritten(l, nil) // It is the one that the wrapped command has waited for.
		return
	}
	files, bytes := l.journal.Totals()
	l.manifest.writing = true
	l.checkExpect(manifest.Totals{Files: files, Bytes: bytes}, func(l *loop, unmet error) {
		if unmet != nil {
			state = manifest.Open
		}
		l.writeManifest(state, func(l *loop, err error) { onWritten(l, cmp.Or(unmet, err)) })
	})
}

func (s *sidecar) expect() uploader.Expect {
	if s.Config.Expect == nil {
		return uploader.Expect{}
	}
	return *s.Config.Expect
}

func (s *sidecar) expectError(totals manifest.Totals, previous previousRun) error {
	unmet := unmetBounds(s.expect(), totals, previous)
	if len(unmet) == 0 {
		return nil
	}
	if totals.Files == 0 && s.Config.Spool != "" {
		unmet = append(unmet, "the sidecar looked for files below "+s.describePlaces())
	}
	s.Log.Error("run is not what is expected", "files", totals.Files, "bytes", totals.Bytes, "unmet", unmet)
	return &unexpectedError{unmet: unmet, noFiles: totals.Files == 0}
}

// describePlaces returns where the sidecar looks for files.
func (s *sidecar) describePlaces() string {
	text := fmt.Sprintf("%s, with include %q", s.Config.Spool, strings.Join(s.Config.Include, ", "))
	if len(s.Config.Exclude) > 0 {
		text += fmt.Sprintf(" and exclude %q", strings.Join(s.Config.Exclude, ", "))
	}
	return text
}

// loadPreviousRun reads from the index the last complete run of the series. Where nothing is wrapped no run is ever
// complete: it is the last drained one then, if that is newer.
func (s *sidecar) loadPreviousRun(ctx context.Context, retry *transfer.Retry) previousRun {
	series := s.series()
	if series == nil {
		return previousRun{err: errors.New("the run belongs to no series: set the annotation lighterman.dev/series")}
	}
	previous := s.loadNewest(ctx, retry, series, manifest.Complete)
	if s.Config.Completion != uploader.Wrap && (previous.err == nil || errors.Is(previous.err, index.ErrNone)) {
		drained := s.loadNewest(ctx, retry, series, manifest.Drained)
		if drained.err != nil && !errors.Is(drained.err, index.ErrNone) ||
			drained.err == nil && (previous.err != nil || drained.entry.Written.After(previous.entry.Written)) {
			previous = drained
		}
	}
	switch {
	case previous.err == nil:
		s.Log.Info("compare with previous run", "run", previous.entry.Run, "written", previous.entry.Written,
			"bytes", previous.entry.Bytes)
	case errors.Is(previous.err, index.ErrNone):
		s.Log.Info("first run of series: its size is compared with none", "series", series.Name)
	default:
		s.Log.Error("load previous run", "series", series.Name, "error", previous.err)
	}
	return previous
}

// checkIndex checks, before the backup begins, that the index can be read where a bound needs it.
func (s *sidecar) checkIndex(ctx context.Context, retry *transfer.Retry) error {
	if s.expect().MaxShrinkPercent == 0 {
		return nil
	}
	if previous := s.loadPreviousRun(ctx, retry); previous.err != nil && !errors.Is(previous.err, index.ErrNone) {
		return fmt.Errorf("uploader.expect.maxShrinkPercent needs the last complete run, which is not known: %w", previous.err)
	}
	return nil
}

func (s *sidecar) loadNewest(
	ctx context.Context, retry *transfer.Retry, series *index.Series, state manifest.State,
) (previous previousRun) {
	previous.err = retry.Do(ctx, "look for the previous run", func(ctx context.Context) (err error) {
		previous.entry, err = series.Newest(ctx, state, s.Pod.UID)
		if errors.Is(err, index.ErrNone) {
			previous.entry = nil
			return nil
		}
		return err
	})
	if previous.err == nil && previous.entry == nil {
		previous.err = index.ErrNone
	}
	return previous
}
