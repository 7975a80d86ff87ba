package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// attempts is how often a service account is read and written anew when another write came in between.
const attempts = 5

// errProfileChanged says that the profile which the pod was judged by does not ask for annotations any more.
var errProfileChanged = errors.New("the profile changed while the pod was admitted")

// Annotator sees to it that service accounts have the annotations that profiles ask for. The record of who asked is on
// the service account itself, so that any replica can derive what belongs there.
type Annotator struct {
	Accounts Accounts
	// Profiles finds the profiles of a record; at the API server, as a write must not follow from a cache that lags.
	Profiles resolve.Source
	Metrics  *Metrics
	Log      logr.Logger
}

// demand is what one pod needs of its service account.
type demand struct {
	account types.NamespacedName
	profile *profile.Profile
	want    []profile.Annotation
	dryRun  bool
}

// ensure gives the pod's service account what the profile asks for, or a *injector.DeniedError. It calls the API server
// only where the cache does not show that everything is there. A dry run has the API server judge the write, which is
// then not kept.
func (a *Annotator) ensure(ctx context.Context, account types.NamespacedName, prof *profile.Profile, dryRun bool) error {
	if a == nil {
		return nil // The injector has refused what could not work, or warned of it.
	}
	want, write := profile.ServiceAccountAnnotations(prof.Spec)
	if len(want) == 0 {
		return nil
	}
	cached, err := a.Accounts.Cached(ctx, account)
	if err != nil && !errors.Is(err, resolve.ErrNotFound) {
		return fmt.Errorf("find service account %s: %w", account, err)
	}
	if err == nil && len(lacking(cached, want)) == 0 && (!write || knows(cached, prof)) {
		return nil
	}
	d := &demand{account: account, profile: prof, want: want, dryRun: dryRun}
	if !write {
		return a.verify(ctx, d)
	}
	for range attempts {
		if err = a.write(ctx, d); !errors.Is(err, errChanged) {
			return err
		}
	}
	return fmt.Errorf("annotate service account %s: %w", account, err)
}

// lacking are the annotations that are not there with the value that is wanted.
func lacking(annotations map[string]string, want []profile.Annotation) []profile.Annotation {
	var missing []profile.Annotation
	for _, a := range want {
		if annotations[a.Key] != a.Value {
			missing = append(missing, a)
		}
	}
	return missing
}

// knows reports whether the record names the profile. Without a record the annotations are somebody else's, and need
// none.
func knows(annotations map[string]string, profile *profile.Profile) bool {
	value, ok := annotations[injector.AnnotationAnnotatedFor]
	return !ok || slices.Contains(recorded(value), refOf(profile))
}

func refOf(p *profile.Profile) injector.Ref { return injector.Ref{Kind: p.Kind, Name: p.Name} }

// verify denies a pod whose service account lacks what somebody else is to write.
func (a *Annotator) verify(ctx context.Context, d *demand) error {
	live, err := a.read(ctx, d)
	if err != nil {
		return err
	}
	missing := lacking(live.Annotations, d.want)
	if len(missing) == 0 {
		return nil
	}
	return injector.Deny(injector.ReasonServiceAccountNotAnnotated, d.notAnnotated(live.Annotations, missing, false))
}

// write applies the annotations, unless the service account turns out to have them.
func (a *Annotator) write(ctx context.Context, d *demand) error {
	live, err := a.read(ctx, d)
	if err != nil || (len(lacking(live.Annotations, d.want)) == 0 && knows(live.Annotations, d.profile)) {
		return err
	}
	ref, askers := refOf(d.profile), live.askers()
	if !slices.Contains(askers, ref) {
		askers = append(askers, ref)
	}
	wishes, err := wishesOf(ctx, a.Profiles, d.account, askers)
	if err != nil {
		return err
	}
	if !slices.Contains(wishes.asking, ref) {
		return fmt.Errorf("%s %s: %w", d.profile.Kind, d.profile, errProfileChanged)
	}
	if err := wishes.refused(d.account, ref); err != nil {
		return err
	}
	err = a.apply(ctx, live, wishes, d.dryRun)
	if taken, ok := errors.AsType[*TakenError](err); ok {
		return takenBy(taken, live, d.profile, wishes)
	}
	return err
}

// read reads the service account, and denies the pod if there is none.
func (a *Annotator) read(ctx context.Context, d *demand) (*Account, error) {
	live, err := a.Accounts.Live(ctx, d.account)
	if errors.Is(err, resolve.ErrNotFound) {
		return nil, injector.Deny(injector.ReasonServiceAccountNotFound, fmt.Sprintf(
			"there is no service account %q in namespace %s, and %s %s needs one with annotations: run kubectl create serviceaccount %s -n %s, or set the pod's serviceAccountName",
			d.account.Name, d.account.Namespace, d.profile.Kind, d.profile, d.account.Name, d.account.Namespace))
	}
	if err != nil {
		return nil, fmt.Errorf("read service account %s: %w", d.account, err)
	}
	return live, nil
}

// askers are the profiles of the record, if it is Lighterman's own.
func (a *Account) askers() []injector.Ref {
	if !slices.Contains(a.Owned, injector.AnnotationAnnotatedFor) {
		return nil
	}
	return recorded(a.Annotations[injector.AnnotationAnnotatedFor])
}

// apply writes and counts.
func (a *Annotator) apply(ctx context.Context, account *Account, w *wishes, dryRun bool) error {
	err := a.Accounts.Apply(ctx, account, w.annotations(), dryRun)
	if dryRun {
		return err
	}
	_, taken := errors.AsType[*TakenError](err)
	switch {
	case err == nil && len(w.asking) > 0:
		a.Metrics.wrote(writeApplied)
		a.Log.Info("Annotated a service account", "serviceAccount", account.String(), "for", record(w.asking))
	case err == nil:
		a.Metrics.wrote(writeRemoved)
		a.Log.Info("Removed the annotations of a service account", "serviceAccount", account.String())
	case taken || errors.Is(err, errChanged):
		a.Metrics.wrote(writeConflict)
	default:
		a.Metrics.wrote(writeError)
		err = fmt.Errorf("annotate service account %s: %w", account, err)
	}
	return err
}

// refused denies a profile against whose wish an earlier profile's stands.
func (w *wishes) refused(account types.NamespacedName, ref injector.Ref) error {
	var problems []string
	for _, c := range w.clashes {
		if c.later == ref {
			problems = append(problems, fmt.Sprintf(
				"%s wants %s=%s on service account %s, which has %s for %s: run the pod as another service account, or use one identity in both profiles",
				title(ref, account), c.key, c.value, account, w.values[c.key], title(c.first, account)))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return injector.Deny(injector.ReasonServiceAccountConflict, problems...)
}

// title is the profile's kind and name as users write them.
func title(ref injector.Ref, account types.NamespacedName) string {
	if ref.Kind == v1alpha1.KindClusterCredentialProfile {
		return ref.Kind + " " + ref.Name
	}
	return ref.Kind + " " + account.Namespace + "/" + ref.Name
}

func takenBy(taken *TakenError, account *Account, profile *profile.Profile, w *wishes) error {
	key := taken.Key
	if key == injector.AnnotationAnnotatedFor {
		return injector.Deny(injector.ReasonServiceAccountConflict, fmt.Sprintf(
			"annotation %s of service account %s was written by %q, and only Lighterman writes it: run kubectl annotate serviceaccount %s -n %s %s-",
			key, account, taken.Owner, account.Name, account.Namespace, key))
	}
	return injector.Deny(injector.ReasonServiceAccountConflict, fmt.Sprintf(
		"%s %s wants %s=%s on service account %s, which has %q, written by %q: run kubectl annotate serviceaccount %s -n %s %s- if that is not needed any more, or run the pod as another service account",
		profile.Kind, profile, key, w.values[key], account, account.Annotations[key], taken.Owner, account.Name, account.Namespace, key))
}
