package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"lighterman.dev/lighterman/uploader/objstore"
	"lighterman.dev/lighterman/uploader/transfer"
)

// authenticator is a store that can obtain its credential apart from a request.
type authenticator interface {
	Authenticate(ctx context.Context) (objstore.Credential, error)
}

// protector is a store that can describe how its bucket protects objects, one of which the doctor has just written.
type protector interface {
	Protection(ctx context.Context, probe objstore.Stored) []objstore.Protection
}

// obtainCredential obtains the credential: an error here is the token service's, not the store's.
func obtainCredential(ctx context.Context, e *examination) (string, error) {
	store, ok := e.store.(authenticator)
	if !ok {
		return "", errNotApplicable
	}
	var got objstore.Credential
	retry := transfer.Retry{
		Limits: map[objstore.Class]time.Duration{objstore.Transient: e.Patience}, Log: slog.New(slog.DiscardHandler),
	}
	err := retry.Do(ctx, "obtain a credential", func(ctx context.Context) error {
		var err error
		got, err = store.Authenticate(ctx)
		return err
	})
	switch {
	case objstore.ClassOf(err) == objstore.Unknown && err != nil:
		return "", newError(
			objstore.Unauthenticated, "look at the identity that the profile's auth mode means: this pod does not have it",
			"%w", err,
		)
	case err != nil:
		return "", err
	case got.From == "":
		return "", errNotApplicable
	case got.Expires.IsZero():
		return "given by " + got.From, nil
	}
	return fmt.Sprintf("given by %s, valid for %v", got.From, time.Until(got.Expires).Round(time.Second)), nil
}

// reportProtection calls report with each protection of the bucket, and reports whether it does what the profile asks for. A
// missing permission to see it is no failure: the uploader needs none of these.
func (e *examination) protection(ctx context.Context, report func(Step)) bool {
	store, ok := e.store.(protector)
	if !ok {
		return true
	}
	well := true
	for _, p := range store.Protection(ctx, e.probe) {
		step := Step{Name: p.Name, Detail: p.State}
		switch {
		case objstore.ClassOf(p.Err) == objstore.Denied || objstore.ClassOf(p.Err) == objstore.Unauthenticated:
			step.Detail = "cannot be seen; the uploader works without. Who wants to see it here gives the identity " + p.Permission
		case p.Err != nil:
			step.Detail = fmt.Sprintf("cannot be seen: %v", p.Err)
		case p.NoLock != "" && e.Config.ObjectLock != nil:
			step = Step{
				Name: p.Name, Err: fmt.Errorf("%s, and the profile asks for uploader.objectLock", p.State), Cure: p.NoLock,
			}
			well = false
		}
		report(step)
	}
	return well
}
