package uploadercmd

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"lighterman.dev/lighterman/uploader/manifest"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/sidecar"
	"lighterman.dev/lighterman/uploader/transfer"
)

// fileVerifier verifies the files of a manifest, several at a time.
type fileVerifier struct {
	store objstore.Store
	// content makes it read every file back.
	content bool
	// concurrency is how many files are verified at a time.
	concurrency int
	// progress receives a line every progressInterval.
	progress io.Writer
}

// progressInterval is the time between two lines about the progress.
const progressInterval = 10 * time.Second

// verifyRetry are the limits of repeated requests: somebody may wait for the result.
var verifyRetry = map[objstore.Class]time.Duration{
	objstore.Transient: 2 * time.Minute, objstore.Throttled: 10 * time.Minute, objstore.Unknown: 20 * time.Second,
	objstore.Expired: time.Minute,
}

// verified is a file whose result is or will be in err.
type verified struct {
	file manifest.File
	err  chan error
}

// verify verifies the files, and calls report with the result of each in the order of the manifest. It returns an error if
// the manifest cannot be read to its end.
func (v *fileVerifier) verify(ctx context.Context, m *manifest.Manifest, report func(*manifest.File, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// What the first of them waits for bounds how far the others are ahead, and with that the memory.
	results := make(chan verified, 8*v.concurrency)
	readErr := make(chan error, 1)
	go func() {
		defer close(results)
		readErr <- v.start(ctx, m, results)
	}()
	done, bytes, told := 0, int64(0), time.Now()
	for r := range results {
		err := <-r.err
		if ctx.Err() != nil {
			break
		}
		report(&r.file, err)
		done++
		bytes += r.file.Size
		if time.Since(told) > progressInterval {
			told = time.Now()
			printLine(v.progress, "verified %d of %d files, %d of %d bytes", done, m.Totals.Files, bytes, m.Totals.Bytes)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return <-readErr
}

// start begins to verify each file as soon as fewer than concurrency are being verified.
func (v *fileVerifier) start(ctx context.Context, m *manifest.Manifest, results chan<- verified) error {
	places := make(chan struct{}, v.concurrency)
	for f, err := range m.All(ctx, v.store) {
		if err != nil {
			return err
		}
		r := verified{file: f, err: make(chan error, 1)}
		select {
		case results <- r:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		places <- struct{}{}
		go func() {
			defer func() { <-places }()
			r.err <- v.verifyFile(ctx, &r.file)
		}()
	}
	return nil
}

// verifyFile verifies one file, and repeats requests that failed with an error that may pass.
func (v *fileVerifier) verifyFile(ctx context.Context, f *manifest.File) error {
	retry := transfer.Retry{Limits: verifyRetry, Log: slog.New(slog.DiscardHandler)}
	return retry.Do(ctx, "verify "+f.Key, func(ctx context.Context) error {
		return manifest.Verify(ctx, v.store, f, v.content)
	})
}

// reportFile prints the result of a file.
func reportFile(out io.Writer, f *manifest.File, err error) {
	if err != nil {
		printLine(out, "FAIL  %s: %s", f.Path, sidecar.Explain(err))
		return
	}
	printLine(out, "ok    %s  %d bytes  sha256:%s", f.Path, f.Size, f.SHA256)
}

// checkConcurrency returns an error if a number of files at a time is out of bounds.
func checkConcurrency(n int) error {
	const most = 256
	if n < 1 || n > most {
		return fmt.Errorf("--concurrency is %d: write a number from 1 to %d", n, most)
	}
	return nil
}
