package webhook

import (
	"context"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
)

// selectorIndex is the index of the profiles that have a selector.
const selectorIndex = "lighterman.selecting"

// AddToScheme registers the types that the webhook reads and writes.
func AddToScheme(scheme *runtime.Scheme) error { return v1alpha1.AddToScheme(scheme) }

// kept gives the annotations with the given keys; nil: there are none.
func kept(annotations map[string]string, keys []string) map[string]string {
	var found map[string]string
	for _, key := range keys {
		if value, ok := annotations[key]; ok {
			if found == nil {
				found = make(map[string]string, 2)
			}
			found[key] = value
		}
	}
	return found
}

// CacheOptions say what the informers keep: profiles without their managed fields, of a namespace its name, its labels and
// its default, and of a service account its name, its default and the annotations that Lighterman may write. Cached objects are handed out without a copy; nothing in this package writes to them.
func CacheOptions() cache.Options {
	shared := true
	return cache.Options{ByObject: map[client.Object]cache.ByObject{
		namespaceMetadata():                  {Transform: stripNamespace, UnsafeDisableDeepCopy: &shared},
		&v1alpha1.CredentialProfile{}:        {Transform: cache.TransformStripManagedFields(), UnsafeDisableDeepCopy: &shared},
		&v1alpha1.ClusterCredentialProfile{}: {Transform: cache.TransformStripManagedFields(), UnsafeDisableDeepCopy: &shared},
	}}
}

func stripNamespace(object any) (any, error) {
	if o, ok := object.(client.Object); ok {
		o.SetManagedFields(nil)
		o.SetAnnotations(kept(o.GetAnnotations(), injector.DefaultAnnotations))
		o.SetOwnerReferences(nil)
		o.SetFinalizers(nil)
	}
	return object, nil
}

// Ready reports whether the caches that an admission reads have been filled.
type Ready func(*http.Request) error

// Setup registers the webhook and the controllers of the profiles' status with mgr, whose cache must have been made
// with CacheOptions. What the cluster can do is asked once, now.
func Setup(ctx context.Context, mgr ctrl.Manager, settings injector.Settings, gate Gate, registry prometheus.Registerer) (Ready, error) {
	metrics, err := NewMetrics(registry, settings.Version)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	settings.ClusterTrustBundles, err = hasClusterTrustBundles(mgr.GetRESTMapper())
	if err != nil {
		return nil, err
	}
	cached := &finder{
		reader: mgr.GetCache(), cached: true,
		list: []client.ListOption{client.MatchingFields{selectorIndex: "true"}},
	}
	live := &finder{reader: mgr.GetAPIReader()}
	h := &Handler{
		Cached:   cached,
		Live:     live,
		Settings: settings,
		Metrics:  metrics,
		Log:      mgr.GetLogger().WithName("admission"),
	}
	if !gate.ReadOnly {
		h.Events = &events{recorder: mgr.GetEventRecorder("lighterman")}
	}
	h.Gate = gate.setup(metrics, mgr.GetLogger().WithName("callers"))
	if !settings.NoServiceAccountAnnotations {
		if err := setupAnnotator(ctx, mgr, h); err != nil {
			return nil, err
		}
		cached.accounts, live.accounts = h.Annotator.Accounts, h.Annotator.Accounts
	}
	h.CacheOnly = cached.withoutLive()
	ready, err := setupCache(ctx, mgr, []client.Object{
		&v1alpha1.CredentialProfile{}, &v1alpha1.ClusterCredentialProfile{}, namespaceMetadata(),
	})
	if err != nil {
		return nil, err
	}
	for _, path := range []string{Path, Path + "/"} {
		mgr.GetWebhookServer().Register(path, h)
	}
	if gate.ReadOnly {
		return ready, nil
	}
	return ready, setupStatus(mgr, settings)
}

// lateCache is filled while the replica serves already: a cluster has tens of thousands of service accounts, and one that
// is not known yet is looked up at the API server.
type lateCache struct{ cache.Cache }

// NeedLeaderElection is false: every replica admits pods.
func (lateCache) NeedLeaderElection() bool { return false }

// setupAnnotator gives the handler the means to annotate service accounts, and registers their controller.
func setupAnnotator(ctx context.Context, mgr ctrl.Manager, h *Handler) error {
	shared := true
	known, err := cache.New(mgr.GetConfig(), cache.Options{
		Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient(),
		ByObject: map[client.Object]cache.ByObject{
			accountMetadata(): {Transform: stripAccount, UnsafeDisableDeepCopy: &shared},
		},
	})
	if err != nil {
		return fmt.Errorf("cache service accounts: %w", err)
	}
	informer, err := known.GetInformer(ctx, accountMetadata(), cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watch service accounts: %w", err)
	}
	if err := mgr.Add(lateCache{known}); err != nil {
		return fmt.Errorf("cache service accounts: %w", err)
	}
	h.Annotator = &Annotator{
		Accounts: &accounts{cache: known, filled: informer.HasSynced, live: mgr.GetAPIReader(), writer: mgr.GetClient()},
		Profiles: h.Live,
		Metrics:  h.Metrics,
		Log:      mgr.GetLogger().WithName("serviceaccounts"),
	}
	k := &keeper{Annotator: h.Annotator, cached: h.Cached}
	if h.Gate.NamedAccountsOnly {
		k.named = &namedAccounts{reader: mgr.GetCache(), profiles: h.Cached, gate: &h.Gate}
	}
	return setupKeeper(ctx, mgr, known, k)
}

// hasClusterTrustBundles reports whether the API server serves ClusterTrustBundles in a version in which pods can mount
// them.
func hasClusterTrustBundles(mapper meta.RESTMapper) (bool, error) {
	kind := schema.GroupKind{Group: "certificates.k8s.io", Kind: "ClusterTrustBundle"}
	_, err := mapper.RESTMapping(kind, "v1", "v1beta1")
	switch {
	case meta.IsNoMatchError(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("ask the API server for ClusterTrustBundles: %w", err)
	}
	return true, nil
}

// setupCache starts the informers before the first admission asks for them, so that none waits.
func setupCache(ctx context.Context, mgr ctrl.Manager, cached []client.Object) (Ready, error) {
	index := func(object client.Object) []string {
		if selectorOf(object) != nil {
			return []string{"true"}
		}
		return nil
	}
	for _, object := range []client.Object{&v1alpha1.CredentialProfile{}, &v1alpha1.ClusterCredentialProfile{}} {
		if err := mgr.GetFieldIndexer().IndexField(ctx, object, selectorIndex, index); err != nil {
			return nil, fmt.Errorf("index the profiles' selectors: %w", err)
		}
	}
	informers := map[string]cache.Informer{}
	for _, object := range cached {
		kind, err := mgr.GetClient().GroupVersionKindFor(object)
		if err != nil {
			return nil, fmt.Errorf("watch %T: %w", object, err)
		}
		informer, err := mgr.GetCache().GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watch %s: %w", kind.Kind, err)
		}
		informers[kind.Kind] = informer
	}
	return func(*http.Request) error {
		for what, informer := range informers {
			if !informer.HasSynced() {
				return fmt.Errorf("the cache of %s is not filled yet: can the service account list it?", what)
			}
		}
		return nil
	}, nil
}

func selectorOf(object client.Object) *v1alpha1.PodSelector {
	switch o := object.(type) {
	case *v1alpha1.CredentialProfile:
		return o.Spec.Selector
	case *v1alpha1.ClusterCredentialProfile:
		return o.Spec.Selector
	}
	return nil
}
