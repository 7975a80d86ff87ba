package serviceaccounts

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// maxAttempts limits how often Ensure reads and writes a service account anew because another write came in between.
const maxAttempts = 5

// ErrProfileChanged reports that the profile with which the pod was admitted does not request annotations any more.
var ErrProfileChanged = errors.New("the profile changed while the pod was admitted")

// Annotator applies to service accounts the annotations that profiles request. A nil Annotator applies none: the injector
// has then denied a pod that cannot work without, or warned of it.
type Annotator struct {
	Client Client
	// Profiles reads the requesters' profiles from the API server: a write must not follow from a cache that lags.
	Profiles resolve.Source
	// Writes counts writes: see NewWriteCounter.
	Writes *prometheus.CounterVec
	Log    logr.Logger
}

// request is what one pod requests of its service account.
type request struct {
	account     types.NamespacedName
	profile     *profile.Profile
	annotations []profile.Annotation
	// write reports whether Lighterman is to write the annotations.
	write, dryRun bool
}

// newRequest returns nil where the profile requests no annotation.
func newRequest(account types.NamespacedName, p *profile.Profile) *request {
	annotations, write := profile.ServiceAccountAnnotations(p.Spec)
	if len(annotations) == 0 {
		return nil
	}
	return &request{account: account, profile: p, annotations: annotations, write: write}
}

// missingFrom returns the requested annotations that are not there with the requested value.
func (r *request) missingFrom(annotations map[string]string) []profile.Annotation {
	return missingAnnotations(annotations, r.annotations)
}

func missingAnnotations(annotations map[string]string, requested []profile.Annotation) []profile.Annotation {
	var missing []profile.Annotation
	for _, a := range requested {
		if annotations[a.Key] != a.Value {
			missing = append(missing, a)
		}
	}
	return missing
}

// Ensure applies to the pod's service account the annotations that the profile requests, or returns a
// *injector.DeniedError. It calls the API server only where the cache does not show them. The API server decides about the
// write of a dry run too, but does not keep it.
func (a *Annotator) Ensure(ctx context.Context, account types.NamespacedName, p *profile.Profile, dryRun bool) error {
	if a == nil {
		return nil
	}
	r := newRequest(account, p)
	if r == nil {
		return nil
	}
	cached, err := a.readCache(ctx, account)
	if err != nil && !errors.Is(err, resolve.ErrNotFound) {
		return err
	}
	if err == nil && len(r.missingFrom(cached)) == 0 && (!r.write || listsRequester(cached, p)) {
		return nil
	}
	if r.dryRun = dryRun; !r.write {
		return a.verifyLive(ctx, r)
	}
	for range maxAttempts {
		if err = a.applyRequest(ctx, r); !errors.Is(err, ErrChanged) {
			return err
		}
	}
	return fmt.Errorf("annotate service account %s: %w", account, err)
}

// Check denies a pod whose service account lacks what the profile requests. It writes nothing: the elected replica does,
// for the accounts that the profile names. It asks the API server before it denies, but only for a proven review.
func (a *Annotator) Check(ctx context.Context, account types.NamespacedName, p *profile.Profile, proven bool) error {
	if a == nil {
		return nil
	}
	r := newRequest(account, p)
	if r == nil {
		return nil
	}
	annotations, err := a.readCache(ctx, account)
	if err != nil && !errors.Is(err, resolve.ErrNotFound) {
		return err
	}
	if err == nil && len(r.missingFrom(annotations)) == 0 {
		return nil
	}
	switch {
	case proven:
		return a.verifyLive(ctx, r)
	case err != nil:
		return denyNotKnownYet(account)
	}
	return r.denyNotAnnotated(annotations, r.missingFrom(annotations), r.write)
}

// readCache returns an ErrNotFound as it is.
func (a *Annotator) readCache(ctx context.Context, account types.NamespacedName) (map[string]string, error) {
	annotations, err := a.Client.Cached(ctx, account)
	if err != nil && !errors.Is(err, resolve.ErrNotFound) {
		return nil, fmt.Errorf("find service account %s: %w", account, err)
	}
	return annotations, err
}

// verifyLive denies a pod whose service account, by the API server, lacks what the admission does not write.
func (a *Annotator) verifyLive(ctx context.Context, r *request) error {
	live, err := a.readLive(ctx, r)
	if err != nil {
		return err
	}
	if missing := r.missingFrom(live.Annotations); len(missing) > 0 {
		return r.denyNotAnnotated(live.Annotations, missing, r.write)
	}
	return nil
}

// applyRequest applies the annotations, unless the service account turns out to have them.
func (a *Annotator) applyRequest(ctx context.Context, r *request) error {
	live, err := a.readLive(ctx, r)
	if err != nil || (len(r.missingFrom(live.Annotations)) == 0 && listsRequester(live.Annotations, r.profile)) {
		return err
	}
	ref, requesters := refOf(r.profile), live.requesters()
	if !slices.Contains(requesters, ref) {
		requesters = append(requesters, ref)
	}
	desired, err := desiredFor(ctx, a.Profiles, r.account, requesters)
	if err != nil {
		return err
	}
	if !slices.Contains(desired.requesters, ref) {
		return fmt.Errorf("%s %s: %w", r.profile.Kind, r.profile, ErrProfileChanged)
	}
	if err := desired.conflictError(r.account, ref); err != nil {
		return err
	}
	err = a.apply(ctx, live, desired, r.dryRun)
	if conflict, ok := errors.AsType[*FieldConflictError](err); ok {
		return ownedByOtherError(conflict, live, r.profile, desired)
	}
	return err
}

// readLive returns the service account, and denies the pod if there is none.
func (a *Annotator) readLive(ctx context.Context, r *request) (*Account, error) {
	live, err := a.Client.Live(ctx, r.account)
	if errors.Is(err, resolve.ErrNotFound) {
		return nil, r.denyNotFound()
	}
	if err != nil {
		return nil, fmt.Errorf("read service account %s: %w", r.account, err)
	}
	return live, nil
}

// apply writes, logs and counts. It does neither of the latter for a dry run.
func (a *Annotator) apply(ctx context.Context, account *Account, desired *desiredState, dryRun bool) error {
	err := a.Client.Apply(ctx, account, desired.annotations(), dryRun)
	if dryRun {
		return err
	}
	_, conflicts := errors.AsType[*FieldConflictError](err)
	switch {
	case err == nil && len(desired.requesters) > 0:
		a.countWrite(WriteApplied)
		a.Log.Info("annotate service account", "serviceAccount", account.String(),
			"for", formatRequesters(desired.requesters))
	case err == nil:
		a.countWrite(WriteRemoved)
		a.Log.Info("remove annotations of service account", "serviceAccount", account.String())
	case conflicts || errors.Is(err, ErrChanged):
		a.countWrite(WriteConflict)
	default:
		a.countWrite(WriteError)
		err = fmt.Errorf("annotate service account %s: %w", account, err)
	}
	return err
}

func (a *Annotator) countWrite(outcome string) { a.Writes.WithLabelValues(outcome).Inc() }
