package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/webhook/resolve"
)

// askerIndex is the index of the service accounts by the profiles of their record. anyAsker finds all with a record.
const (
	askerIndex = "lighterman.annotatedFor"
	anyAsker   = "*"
)

// keeper keeps the annotations of service accounts right after they were written: it rewrites them when a profile
// changes, and removes them when the last profile that asked for them wants them no longer. It never adds a profile to
// a record, so it touches no service account that no pod has used.
type keeper struct {
	*Annotator
	// cached finds profiles without I/O.
	cached resolve.Source
	// named finds the accounts that profiles name. Nil: only accounts that a pod has used are annotated.
	named *namedAccounts
}

// Reconcile looks at the caches first: most service accounts are right.
func (k *keeper) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	account := request.NamespacedName
	annotations, err := k.Accounts.Cached(ctx, account)
	if errors.Is(err, resolve.ErrNotFound) {
		return reconcile.Result{}, nil
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("find service account %s: %w", account, err)
	}
	askers := recorded(annotations[injector.AnnotationAnnotatedFor])
	wishes, err := k.wishesOf(ctx, k.cached, account, askers, annotations)
	if err != nil || wishes.nothing(askers) || wishes.shown(annotations) {
		return reconcile.Result{}, err
	}
	return reconcile.Result{}, k.mend(ctx, account)
}

// wishesOf asks the profiles of the record, and those that name the account.
func (k *keeper) wishesOf(ctx context.Context, source resolve.Source, account types.NamespacedName, askers []injector.Ref, annotations map[string]string) (*wishes, error) {
	if k.named == nil {
		return wishesOf(ctx, source, account, askers)
	}
	return k.named.wishesOf(ctx, source, account, askers, annotations)
}

// mend decides by what the API server says, and writes.
func (k *keeper) mend(ctx context.Context, account types.NamespacedName) error {
	live, err := k.Accounts.Live(ctx, account)
	if errors.Is(err, resolve.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read service account %s: %w", account, err)
	}
	askers := live.askers()
	wishes, err := k.wishesOf(ctx, k.Profiles, account, askers, live.Annotations)
	if err != nil || wishes.nothing(askers) || live.right(wishes) {
		return err // Where there is nothing to wish, the record is not Lighterman's: a pod that needs it will be told.
	}
	err = k.apply(ctx, live, wishes, false)
	if taken, ok := errors.AsType[*TakenError](err); ok {
		// To try again would not help: the next pod is denied and told, and a change of the account leads here again.
		k.Log.Info("Left a service account as it is", "serviceAccount", account.String(), "annotation", taken.Key, "owner", taken.Owner)
		return nil
	}
	if errors.Is(err, errChanged) {
		return nil // The change that came in between leads here again.
	}
	return err
}

// right reports whether the account has what is wanted, and Lighterman owns nothing else there.
func (a *Account) right(w *wishes) bool {
	want := w.annotations()
	for key, value := range want {
		if a.Annotations[key] != value {
			return false
		}
	}
	return !slices.ContainsFunc(a.Owned, func(key string) bool { _, ok := want[key]; return !ok })
}

// setupKeeper registers the controller. Only the elected replica runs it.
func setupKeeper(ctx context.Context, mgr ctrl.Manager, known cache.Cache, k *keeper) error {
	if err := known.IndexField(ctx, accountMetadata(), askerIndex, askersOf); err != nil {
		return fmt.Errorf("index the records of service accounts: %w", err)
	}
	accountsOf := func(asker func(client.Object) string) handler.EventHandler {
		return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
			return k.requests(ctx, known, o, asker(o))
		})
	}
	profile := func(kind string) handler.EventHandler {
		return accountsOf(func(o client.Object) string { return record([]injector.Ref{{Kind: kind, Name: o.GetName()}}) })
	}
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	if k.named != nil {
		if err := k.named.index(ctx, mgr.GetFieldIndexer()); err != nil {
			return err
		}
	}
	err := ctrl.NewControllerManagedBy(mgr).Named("serviceaccount").
		WatchesRawSource(source.Kind[client.Object](known, accountMetadata(), &handler.EnqueueRequestForObject{},
			predicate.NewPredicateFuncs(func(o client.Object) bool { return k.named != nil || hasRecord(o) }))).
		Watches(&v1alpha1.CredentialProfile{}, profile(v1alpha1.KindCredentialProfile), changed).
		Watches(&v1alpha1.ClusterCredentialProfile{}, profile(v1alpha1.KindClusterCredentialProfile), changed).
		Watches(resolve.NamespaceMetadata(), accountsOf(func(client.Object) string { return anyAsker }),
			builder.WithPredicates(predicate.LabelChangedPredicate{})).
		Complete(k)
	if err != nil {
		return fmt.Errorf("set up the annotations of service accounts: %w", err)
	}
	return nil
}

func hasRecord(o client.Object) bool {
	return o.GetAnnotations()[injector.AnnotationAnnotatedFor] != ""
}

func askersOf(o client.Object) []string {
	if !hasRecord(o) {
		return nil
	}
	keys := []string{anyAsker}
	for _, ref := range recorded(o.GetAnnotations()[injector.AnnotationAnnotatedFor]) {
		keys = append(keys, record([]injector.Ref{ref}))
	}
	return keys
}

// requests names the service accounts whose record names asker, in the namespace that the object is in or is.
func (k *keeper) requests(ctx context.Context, reader client.Reader, o client.Object, asker string) []reconcile.Request {
	namespace := o.GetNamespace()
	if asker == anyAsker {
		namespace = o.GetName()
	}
	list := &metav1.PartialObjectMetadataList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccountList"}}
	if err := reader.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{askerIndex: asker}); err != nil {
		k.Log.Error(err, "Find the service accounts of a profile", "profile", asker)
		return nil
	}
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
	}
	if k.named != nil {
		requests = append(requests, k.named.requests(ctx, o)...)
	}
	return requests
}
