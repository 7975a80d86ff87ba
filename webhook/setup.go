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

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/webhook/profilestatus"
	"lighterman.dev/lighterman/webhook/resolve"
	"lighterman.dev/lighterman/webhook/serviceaccounts"
)

// AddToScheme registers the types that the webhook reads and writes.
func AddToScheme(scheme *runtime.Scheme) error { return v1alpha1.AddToScheme(scheme) }

// CacheOptions returns what the manager's cache keeps. It hands out objects without a copy: nothing here writes to them.
func CacheOptions() cache.Options { return cache.Options{ByObject: resolve.CacheOptions()} }

// Ready reports whether the caches that an admission reads have been filled.
type Ready func(*http.Request) error

// Setup registers the webhook and the controllers of the profiles' status with mgr, whose cache must have been made
// with CacheOptions. It reads what the cluster supports once, now.
func Setup(
	ctx context.Context, mgr ctrl.Manager, settings injector.Settings, gate Gate, registry prometheus.Registerer,
) (Ready, error) {
	metrics, err := NewMetrics(registry, settings.Version)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	settings.ClusterTrustBundles, err = hasClusterTrustBundles(mgr.GetRESTMapper())
	if err != nil {
		return nil, err
	}
	h := &Handler{
		Settings: settings,
		Metrics:  metrics,
		Log:      mgr.GetLogger().WithName("admission"),
	}
	if !gate.ReadOnly {
		h.Events = &eventRecorder{recorder: mgr.GetEventRecorder("lighterman")}
	}
	h.Gate = gate.prepare(metrics, mgr.GetLogger().WithName("callers"))
	if settings.NoServiceAccountAnnotations {
		h.Cached, h.Live = resolve.NewCached(mgr.GetCache(), nil), resolve.NewLive(mgr.GetAPIReader(), nil)
		h.CacheOnly = h.Cached
	} else if err := setupServiceAccounts(ctx, mgr, h); err != nil {
		return nil, err
	}
	ready, err := setupCache(ctx, mgr)
	if err != nil {
		return nil, err
	}
	for _, path := range []string{Path, Path + "/"} {
		mgr.GetWebhookServer().Register(path, h)
	}
	if gate.ReadOnly {
		return ready, nil
	}
	return ready, profilestatus.Setup(mgr, settings.Cluster)
}

// setupServiceAccounts makes the handler read and annotate service accounts, and registers their reconciler.
func setupServiceAccounts(ctx context.Context, mgr ctrl.Manager, h *Handler) error {
	accounts, err := serviceaccounts.NewCluster(ctx, mgr)
	if err != nil {
		return err
	}
	h.Cached = resolve.NewCached(mgr.GetCache(), serviceaccounts.CachedOrLive(accounts))
	h.CacheOnly = resolve.NewCached(mgr.GetCache(), serviceaccounts.CacheOnly(accounts))
	h.Live = resolve.NewLive(mgr.GetAPIReader(), serviceaccounts.LiveOnly(accounts))
	h.Annotator = &serviceaccounts.Annotator{
		Client: accounts, Profiles: h.Live, Writes: h.Metrics.writes, Log: mgr.GetLogger().WithName("serviceaccounts"),
	}
	return serviceaccounts.SetupReconciler(ctx, mgr, accounts, h.Annotator, serviceaccounts.ReconcilerOptions{
		Cached: h.Cached, AnnotateNamed: h.Gate.NamedAccountsOnly, ReleaseNamespace: h.Gate.ReleaseNamespace,
	})
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

// setupCache starts the informers before the first admission reads from them, so that no admission waits.
func setupCache(ctx context.Context, mgr ctrl.Manager) (Ready, error) {
	if err := resolve.IndexSelectors(ctx, mgr.GetFieldIndexer()); err != nil {
		return nil, err
	}
	informers := map[string]cache.Informer{}
	for _, object := range resolve.CachedObjects() {
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
		for kind, informer := range informers {
			if !informer.HasSynced() {
				return fmt.Errorf("the cache of %s is not filled yet: can the service account list it?", kind)
			}
		}
		return nil
	}, nil
}
