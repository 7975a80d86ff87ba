package sidecar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transfer"
)

// errDrain ends the preflight of a pod that ends.
var errDrain = errors.New("the pod ends")

// probeText is the content of the object that the preflight writes.
const probeText = "Lighterman's uploader has checked that it can write here. This object may be deleted.\n"

// Preflight checks that the store can be written, as Run does first, and returns. The pod runs it in an init container:
// Kubernetes restarts a sidecar that fails without end, and only an init container that fails ends the pod.
func Preflight(ctx context.Context, o Options) error {
	s, err := newSidecar(o)
	if err != nil {
		return err
	}
	defer s.close()
	return s.checkStore(ctx)
}

// checkStore writes an object, reads it back and deletes it. Only writing must work: where reading is denied, uploads
// are not compared with their objects.
func (s *sidecar) checkStore(ctx context.Context) error {
	key := s.keys.Probe(s.Pod.UID)
	retry := s.sender.Retry
	retry.Limits = s.PreflightLimits
	o := transfer.NewProbe(s.Config, key, s.Pod.UID, time.Now())
	err := retry.Do(ctx, "write a probe", func(ctx context.Context) error {
		body := objstore.Body{
			ReaderAt: strings.NewReader(probeText), Size: int64(len(probeText)),
			Sum: checksum.Of(s.Store.Limits().Algorithm, []byte(probeText)),
		}
		_, err := s.Store.Put(ctx, o, body)
		return err
	})
	if err != nil {
		return fmt.Errorf("the store cannot be written: %w", err)
	}
	if err := s.readProbe(ctx, &retry, key); err != nil {
		return err
	}
	err = retry.Do(ctx, "delete the probe", func(ctx context.Context) error { return s.Store.Delete(ctx, key, "") })
	if err != nil {
		s.Log.Warn("delete probe", "key", key, "error", err, "effect", "the object stays in the store")
	}
	return nil
}

// readProbe reads the object of the preflight and compares it. Where reading is denied, it makes the sender write-only.
func (s *sidecar) readProbe(ctx context.Context, retry *transfer.Retry, key string) error {
	var text []byte
	// Permission to read may be withheld on purpose: Denied is not retried.
	readRetry := *retry
	readRetry.Limits = maps.Clone(retry.Limits)
	delete(readRetry.Limits, objstore.Denied)
	err := readRetry.Do(ctx, "read the probe", func(ctx context.Context) error {
		r, err := s.Store.Open(ctx, key, "")
		if err != nil {
			return err
		}
		defer r.Close()
		text, err = io.ReadAll(io.LimitReader(r, 1<<10))
		return err
	})
	switch {
	case objstore.ClassOf(err) == objstore.Denied:
		s.sender.WriteOnly = true
		s.Log.Warn("read probe", "error", err, "effect", "uploads in parts are not compared with their objects")
		return nil
	case err != nil:
		return fmt.Errorf("what was written to the store cannot be read: %w", err)
	case string(text) != probeText:
		return &objstore.Error{
			Class: objstore.Corrupt, Err: fmt.Errorf("the store gives %q for what was written", text),
		}
	}
	return nil
}
