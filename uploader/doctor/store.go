package doctor

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"lighterman.dev/lighterman/uploader/checksum"
	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transfer"
)

func openStore(_ context.Context, e *examination) (string, error) {
	store, err := e.Open()
	if err != nil {
		return "", err
	}
	e.store = store
	return strings.TrimSpace(e.location.StoreName() + " " + e.location.Identity().Mode), nil
}

const probe = "Lighterman's doctor has checked that it can write here. This object may be deleted.\n"

func writeProbe(ctx context.Context, e *examination) (string, error) {
	body := objstore.Body{
		ReaderAt: strings.NewReader(probe), Size: int64(len(probe)), Sum: checksum.Of(
			e.store.Limits().Algorithm, []byte(probe),
		),
	}
	begin := time.Now()
	var err error
	if e.probe, err = e.store.Put(ctx, transfer.NewProbe(e.Config, e.key, e.Pod.UID, begin), body); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, in %v", e.key, time.Since(begin).Round(time.Millisecond)), nil
}

func readProbe(ctx context.Context, e *examination) (string, error) {
	r, err := e.store.Open(ctx, e.key, "")
	if objstore.ClassOf(err) == objstore.Denied {
		return "not allowed: the uploader works without, but compares nothing after an upload in parts", nil
	}
	if err != nil {
		return "", err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, 1<<10))
	if err == nil && string(text) != probe {
		err = newError(objstore.Corrupt, "", "the store gives %q for what was written", text)
	}
	return "what was written", err
}

func listUploads(ctx context.Context, e *examination) (string, error) {
	n := 0
	for _, err := range e.store.Unfinished(ctx, e.key) {
		if objstore.ClassOf(err) == objstore.Denied {
			return "not allowed: what a killed sidecar leaves is not aborted; give the bucket a lifecycle rule for that", nil
		}
		if err != nil {
			return "", err
		}
		n++
	}
	return "allowed", nil
}

func deleteProbe(ctx context.Context, e *examination) (string, error) {
	err := e.store.Delete(ctx, e.key, "")
	if objstore.ClassOf(err) == objstore.Denied {
		return "not allowed: the uploader works without; " + e.key + " stays", nil
	}
	return "allowed", err
}
