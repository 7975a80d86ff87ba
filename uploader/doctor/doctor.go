package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lighterman.dev/lighterman/uploader"
	"lighterman.dev/lighterman/uploader/objstore"
)

// Options are what is examined.
type Options struct {
	Config *uploader.Config
	Pod    uploader.Pod
	// Open opens the configured store.
	Open func() (objstore.Store, error)
	// Getenv returns a variable of the environment.
	Getenv func(string) string
	// Patience is how long a token service may be out of reach: in a pod that has just started some are late.
	Patience time.Duration
}

// Step is what one check found.
type Step struct {
	Name string
	// Detail describes what works; Err what does not, and Cure is the remedy.
	Detail string
	Err    error
	Cure   string
}

// check is a step. Where one fails that is fatal, the following ones would fail for the same reason.
type check struct {
	name  string
	run   func(context.Context, *examination) (string, error)
	fatal bool
}

// examination is one run of the checks.
type examination struct {
	Options

	location uploader.Location
	store    objstore.Store
	key      string
	// probe is the object that was written.
	probe objstore.Stored
}

var checks = []check{
	{"certificate authorities", checkAuthorities, false},
	{"service-account token", checkToken, false},
	{"credential file", checkCredentialFile, false},
	{"secrets", checkSecrets, false},
	{"endpoint", checkEndpoint, false},
	{"credentials", openStore, true},
	{"token exchange", obtainCredential, true},
	{"write", writeProbe, true},
	{"read", readProbe, false},
	{"list unfinished uploads", listUploads, false},
	{"delete", deleteProbe, false},
}

// Run makes all checks, calls report with each, and reports whether all is well.
func Run(ctx context.Context, o Options, report func(Step)) bool {
	template, err := uploader.ParseTemplate(o.Config.Key)
	if err != nil {
		report(Step{Name: "key", Err: err})
		return false
	}
	where, err := o.Config.Location()
	if err != nil {
		report(Step{Name: "store", Err: err})
		return false
	}
	e := &examination{Options: o, location: where, key: template.Keys(o.Config.Prefix, o.Pod).Probe(o.Pod.UID + "-doctor")}
	well := true
	for _, c := range checks {
		detail, err := c.run(ctx, e)
		if errors.Is(err, errNotApplicable) {
			continue
		}
		step := Step{Name: c.name, Detail: detail, Err: err}
		if err != nil {
			well = false
			step.Cure = objstore.CureOf(err)
		}
		report(step)
		if err != nil && c.fatal {
			return false
		}
	}
	return e.protection(ctx, report) && well
}

// errNotApplicable means that the profile has nothing for the step to check.
var errNotApplicable = errors.New("there is nothing to check")

// newError returns an error with its remedy.
func newError(class objstore.Class, cure, format string, args ...any) error {
	return &objstore.Error{Class: class, Cure: cure, Err: fmt.Errorf(format, args...)}
}
