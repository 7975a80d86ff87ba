package serviceaccounts

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/webhook/resolve"
)

// requesterIndex is the index of the service accounts by the profiles of their record. anyRequester finds all with a record.
const (
	requesterIndex = "lighterman.annotatedFor"
	anyRequester   = "*"
)

// reconciler updates annotations when a profile changes, and removes them when the last requester is gone. It adds no
// profile to a record, unless it has named accounts: so it touches no service account that no pod has used.
type reconciler struct {
	*Annotator
	// accounts is the cache of service accounts.
	accounts client.Reader
	// cached finds profiles without I/O.
	cached resolve.Source
	// named finds the accounts that profiles name; nil: only accounts that a pod has used are annotated.
	named *namedAccounts
}

// ReconcilerOptions configure the reconciler.
type ReconcilerOptions struct {
	// Cached finds profiles and namespaces without I/O.
	Cached resolve.Source
	// AnnotateNamed makes the reconciler annotate the accounts that profiles name, before any pod asks.
	AnnotateNamed bool
	// ReleaseNamespace is Lighterman's own: no account of it is annotated before a pod asks.
	ReleaseNamespace string
}

// SetupReconciler registers the reconciler. Only the elected replica runs it.
func SetupReconciler(
	ctx context.Context, mgr ctrl.Manager, accounts *Cluster, annotator *Annotator, o ReconcilerOptions,
) error {
	r := &reconciler{Annotator: annotator, accounts: accounts.cache, cached: o.Cached}
	if o.AnnotateNamed {
		r.named = &namedAccounts{reader: mgr.GetCache(), releaseNamespace: o.ReleaseNamespace}
		if err := r.named.indexProfiles(ctx, mgr.GetFieldIndexer()); err != nil {
			return err
		}
	}
	if err := accounts.cache.IndexField(ctx, accountMetadata(), requesterIndex, requesterKeys); err != nil {
		return fmt.Errorf("index the records of service accounts: %w", err)
	}
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	err := ctrl.NewControllerManagedBy(mgr).Named("serviceaccount").
		WatchesRawSource(source.Kind[client.Object](accounts.cache, accountMetadata(), &handler.EnqueueRequestForObject{},
			predicate.NewPredicateFuncs(func(o client.Object) bool { return r.named != nil || hasRecord(o) }))).
		Watches(&v1alpha1.CredentialProfile{}, r.enqueueProfile(v1alpha1.KindCredentialProfile), changed).
		Watches(&v1alpha1.ClusterCredentialProfile{}, r.enqueueProfile(v1alpha1.KindClusterCredentialProfile), changed).
		Watches(resolve.NamespaceMetadata(), r.enqueueNamespace(), builder.WithPredicates(predicate.LabelChangedPredicate{})).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up the annotations of service accounts: %w", err)
	}
	return nil
}

// enqueueProfile enqueues the service accounts that a profile is a requester of, or names.
func (r *reconciler) enqueueProfile(kind string) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		return r.requestsFor(ctx, o, o.GetNamespace(), formatRequesters([]resolve.Ref{{Kind: kind, Name: o.GetName()}}))
	})
}

// enqueueNamespace enqueues the service accounts of a namespace that have a requester, or that profiles name.
func (r *reconciler) enqueueNamespace() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		return r.requestsFor(ctx, o, o.GetName(), anyRequester)
	})
}

// requestsFor returns the service accounts of the namespace whose record has the requester. An empty namespace is all.
func (r *reconciler) requestsFor(
	ctx context.Context, o client.Object, namespace, requester string,
) []reconcile.Request {
	list := &metav1.PartialObjectMetadataList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccountList"}}
	withRecord := client.MatchingFields{requesterIndex: requester}
	if err := r.accounts.List(ctx, list, client.InNamespace(namespace), withRecord); err != nil {
		r.Log.Error(err, "list service accounts of a requester", "requester", requester)
		return nil
	}
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
	}
	if r.named != nil {
		requests = append(requests, r.named.requestsFor(ctx, o)...)
	}
	return requests
}

func hasRecord(o client.Object) bool {
	return o.GetAnnotations()[injector.AnnotationAnnotatedFor] != ""
}

// requesterKeys returns the keys by which requesterIndex finds a service account.
func requesterKeys(o client.Object) []string {
	if !hasRecord(o) {
		return nil
	}
	keys := []string{anyRequester}
	for _, ref := range parseRequesters(o.GetAnnotations()[injector.AnnotationAnnotatedFor]) {
		keys = append(keys, formatRequesters([]resolve.Ref{ref}))
	}
	return keys
}

// Reconcile compares by the caches first: most service accounts are up to date.
func (r *reconciler) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	account := request.NamespacedName
	annotations, err := r.readCache(ctx, account)
	if errors.Is(err, resolve.ErrNotFound) {
		return reconcile.Result{}, nil
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	requesters := parseRequesters(annotations[injector.AnnotationAnnotatedFor])
	desired, err := r.desiredFor(ctx, r.cached, account, requesters, annotations)
	if err != nil || hasNothingToDo(requesters, desired) || desired.satisfiedBy(annotations) {
		return reconcile.Result{}, err
	}
	return reconcile.Result{}, r.reconcileLive(ctx, account)
}

// desiredFor returns what the requesters of the record desire, and the profiles that name the account.
func (r *reconciler) desiredFor(
	ctx context.Context, source resolve.Source, account types.NamespacedName, requesters []resolve.Ref,
	annotations map[string]string,
) (*desiredState, error) {
	desired, err := desiredFor(ctx, source, account, requesters)
	if err != nil || r.named == nil {
		return desired, err
	}
	return desired, r.named.addTo(ctx, desired, source, account, requesters, annotations)
}

// hasNothingToDo reports whether the record lists no requester, and there is none.
func hasNothingToDo(recorded []resolve.Ref, desired *desiredState) bool {
	return len(recorded) == 0 && len(desired.requesters) == 0
}

// reconcileLive decides by the API server, and writes.
func (r *reconciler) reconcileLive(ctx context.Context, account types.NamespacedName) error {
	live, err := r.Client.Live(ctx, account)
	if errors.Is(err, resolve.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read service account %s: %w", account, err)
	}
	requesters := live.requesters()
	desired, err := r.desiredFor(ctx, r.Profiles, account, requesters, live.Annotations)
	if err != nil || hasNothingToDo(requesters, desired) || live.upToDate(desired) {
		return err // With nothing to do, the record is not Lighterman's: it denies the pod that needs it.
	}
	err = r.apply(ctx, live, desired, false)
	if conflict, ok := errors.AsType[*FieldConflictError](err); ok {
		// A retry would not help: the next pod is denied, and a change of the account leads here again.
		r.Log.Info("leave service account to another owner", "serviceAccount", account.String(),
			"annotation", conflict.Key, "owner", conflict.Owner)
		return nil
	}
	if errors.Is(err, ErrChanged) {
		return nil // The change that came in between leads here again.
	}
	return err
}
