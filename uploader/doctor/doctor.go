package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/checksum"
)

// Options are what is examined.
type Options struct {
	Config *uploader.Config
	Pod    uploader.Pod
	// Open opens the configured store.
	Open func() (uploader.Store, error)
	// Getenv gives a variable of the environment.
	Getenv func(string) string
}

// Step is what one check found.
type Step struct {
	Name string
	// Detail says what is well; Err what is not, and Cure what to do.
	Detail string
	Err    error
	Cure   string
}

// check is a step. Where it fails and is fatal, those behind it would only say the same.
type check struct {
	name  string
	do    func(context.Context, *examination) (string, error)
	fatal bool
}

// examination is one run of the checks.
type examination struct {
	Options

	store uploader.Store
	key   string
}

var checks = []check{
	{"certificate authorities", authorities, false},
	{"service-account token", token, false},
	{"credential file", credentialFile, false},
	{"secrets", secrets, false},
	{"endpoint", endpoint, false},
	{"credentials", open, true},
	{"write", write, true},
	{"read", read, false},
	{"list unfinished uploads", list, false},
	{"delete", remove, false},
}

// Run makes all checks, tells of each, and reports whether all is well.
func Run(ctx context.Context, o Options, tell func(Step)) bool {
	template, err := uploader.ParseTemplate(o.Config.Key)
	if err != nil {
		tell(Step{Name: "key", Err: err})
		return false
	}
	e := &examination{Options: o, key: template.Keys(o.Config.Prefix, o.Pod).Probe(o.Pod.UID + "-doctor")}
	well := true
	for _, c := range checks {
		detail, err := c.do(ctx, e)
		if errors.Is(err, errNothing) {
			continue
		}
		step := Step{Name: c.name, Detail: detail, Err: err}
		if err != nil {
			well = false
			step.Cure = uploader.CureOf(err)
		}
		tell(step)
		if err != nil && c.fatal {
			return false
		}
	}
	return well
}

// errNothing means that the profile uses nothing that the step could look at.
var errNothing = errors.New("there is nothing to check")

// wrong is an error with its cure.
func wrong(class uploader.Class, cure, format string, args ...any) error {
	return &uploader.Error{Class: class, Cure: cure, Err: fmt.Errorf(format, args...)}
}

func open(_ context.Context, e *examination) (string, error) {
	store, err := e.Open()
	if err != nil {
		return "", err
	}
	e.store = store
	kind, auth := e.Config.Kind()
	return strings.TrimSpace(kind + " " + auth.Mode), nil
}

const probe = "Lighterman's doctor has checked that it can write here. This object may be deleted.\n"

func write(ctx context.Context, e *examination) (string, error) {
	body := uploader.Body{
		ReaderAt: strings.NewReader(probe), Size: int64(len(probe)), Sum: checksum.Of(e.store.Limits().Algorithm, []byte(probe)),
	}
	begin := time.Now()
	if _, err := e.store.Put(ctx, e.Config.Probe(e.key, e.Pod.UID, begin), body); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, in %v", e.key, time.Since(begin).Round(time.Millisecond)), nil
}

func read(ctx context.Context, e *examination) (string, error) {
	r, err := e.store.Open(ctx, e.key, "")
	if uploader.ClassOf(err) == uploader.Denied {
		return "not allowed: the uploader works without, but compares nothing after an upload in parts", nil
	}
	if err != nil {
		return "", err
	}
	defer r.Close() //nolint:errcheck // It is only read.
	text, err := io.ReadAll(io.LimitReader(r, 1<<10))
	if err == nil && string(text) != probe {
		err = wrong(uploader.Corrupt, "", "the store gives %q for what was written", text)
	}
	return "what was written", err
}

func list(ctx context.Context, e *examination) (string, error) {
	n := 0
	for _, err := range e.store.Unfinished(ctx, e.key) {
		if uploader.ClassOf(err) == uploader.Denied {
			return "not allowed: what a killed sidecar leaves is not aborted; give the bucket a lifecycle rule for that", nil
		}
		if err != nil {
			return "", err
		}
		n++
	}
	return "allowed", nil
}

func remove(ctx context.Context, e *examination) (string, error) {
	err := e.store.Delete(ctx, e.key, "")
	if uploader.ClassOf(err) == uploader.Denied {
		return "not allowed: the uploader works without; " + e.key + " stays", nil
	}
	return "allowed", err
}
