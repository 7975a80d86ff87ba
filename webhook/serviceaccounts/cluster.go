package serviceaccounts

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// fieldManager is the name under which the API server records which annotations Lighterman owns.
const fieldManager = "lighterman"

// Cluster is a Client over a cache of the service accounts' metadata, and the API server.
type Cluster struct {
	cache cache.Cache
	live  client.Reader
	// hasSynced reports whether the cache knows every account.
	hasSynced func() bool
	writer    client.Writer
}

var _ Client = (*Cluster)(nil)

// NewCluster returns a Client whose cache mgr starts.
func NewCluster(ctx context.Context, mgr ctrl.Manager) (*Cluster, error) {
	shared := true
	accounts, err := cache.New(mgr.GetConfig(), cache.Options{
		Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient(),
		ByObject: map[client.Object]cache.ByObject{
			accountMetadata(): {Transform: stripAccount, UnsafeDisableDeepCopy: &shared},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("cache service accounts: %w", err)
	}
	informer, err := accounts.GetInformer(ctx, accountMetadata(), cache.BlockUntilSynced(false))
	if err != nil {
		return nil, fmt.Errorf("watch service accounts: %w", err)
	}
	if err := mgr.Add(lazyCache{accounts}); err != nil {
		return nil, fmt.Errorf("cache service accounts: %w", err)
	}
	return &Cluster{cache: accounts, hasSynced: informer.HasSynced, live: mgr.GetAPIReader(), writer: mgr.GetClient()}, nil
}

// lazyCache fills while the replica serves already: a cluster has tens of thousands of service accounts, and the replica
// reads from the API server one that the cache does not know yet.
type lazyCache struct{ cache.Cache }

// NeedLeaderElection returns false: every replica admits pods.
func (lazyCache) NeedLeaderElection() bool { return false }

// accountMetadata returns an empty service account of the type by which they are cached, read and written: their metadata
// alone.
func accountMetadata() *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "ServiceAccount"},
	}
}

// cachedAnnotations are the keys of the annotations that the cache keeps.
var cachedAnnotations = slices.Concat(
	[]string{injector.AnnotationAnnotatedFor}, profile.IdentityAnnotations, resolve.DefaultAnnotations)

// stripAccount keeps what identifies a service account, and the annotations that matter here: a large cluster has tens of
// thousands of accounts.
func stripAccount(object any) (any, error) {
	full, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return object, nil
	}
	return &metav1.PartialObjectMetadata{TypeMeta: full.TypeMeta, ObjectMeta: metav1.ObjectMeta{
		Namespace: full.Namespace, Name: full.Name, ResourceVersion: full.ResourceVersion,
		Annotations: resolve.PickAnnotations(full.Annotations, cachedAnnotations),
	}}, nil
}

// Cached returns the annotations that the cache keeps.
func (c *Cluster) Cached(ctx context.Context, account types.NamespacedName) (map[string]string, error) {
	if !c.hasSynced() {
		return nil, resolve.ErrNotFound // Waiting for it could take longer than the API server waits for the webhook.
	}
	found := accountMetadata()
	if err := c.cache.Get(ctx, account, found); err != nil {
		return nil, resolve.NotFound(err)
	}
	return found.Annotations, nil
}

// Live reads an account from the API server.
func (c *Cluster) Live(ctx context.Context, account types.NamespacedName) (*Account, error) {
	if problems := validation.IsDNS1123Subdomain(account.Name); len(problems) > 0 {
		return nil, resolve.ErrNotFound // The client would make an error of it, and there can be no such account.
	}
	found := accountMetadata()
	if err := c.live.Get(ctx, account, found); err != nil {
		return nil, resolve.NotFound(err)
	}
	return &Account{
		NamespacedName: account, UID: string(found.UID), ResourceVersion: found.ResourceVersion,
		Annotations: found.Annotations, Owned: ownedAnnotations(found.ManagedFields),
	}, nil
}

// ownedAnnotations returns the keys of the annotations that Lighterman applied. Managed fields that cannot be read own
// nothing.
func ownedAnnotations(fields []metav1.ManagedFieldsEntry) []string {
	var keys []string
	for _, entry := range fields {
		if entry.Manager != fieldManager || entry.Operation != metav1.ManagedFieldsOperationApply || entry.FieldsV1 == nil {
			continue
		}
		var set fieldpath.Set
		if err := set.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())); err != nil {
			continue
		}
		for path := range set.All() {
			if len(path) == 3 && path[:2].Equals(annotationsPath) && path[2].FieldName != nil {
				keys = append(keys, *path[2].FieldName)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

var annotationsPath = fieldpath.MakePathOrDie("metadata", "annotations")

// Apply writes annotations by server-side apply.
func (c *Cluster) Apply(ctx context.Context, account *Account, annotations map[string]string, dryRun bool) error {
	// The version makes replicas that write at the same time see each other: to the API server they are one owner, so
	// that it would find no conflict. The UID keeps an apply from creating what was deleted.
	metadata := map[string]any{
		"name": account.Name, "namespace": account.Namespace, "uid": account.UID, "resourceVersion": account.ResourceVersion,
	}
	if len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	body, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
	if err != nil {
		return fmt.Errorf("encode service account: %w", err)
	}
	options := []client.PatchOption{client.FieldOwner(fieldManager)}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	object := accountMetadata()
	object.Namespace, object.Name = account.Namespace, account.Name
	return classifyApply(c.writer.Patch(ctx, object, client.RawPatch(types.ApplyPatchType, body), options...))
}

// classifyApply returns a *FieldConflictError for an annotation of another field manager, ErrChanged for a service account
// that changed or is gone, and any other error as it is.
func classifyApply(err error) error {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || !apierrors.IsConflict(err) {
		if apierrors.IsNotFound(err) {
			return ErrChanged
		}
		return err
	}
	if details := status.ErrStatus.Details; details != nil {
		for _, cause := range details.Causes {
			if cause.Type == metav1.CauseTypeFieldManagerConflict {
				key := strings.TrimPrefix(cause.Field, ".metadata.annotations.")
				return &FieldConflictError{Key: key, Owner: parseOwner(cause.Message)}
			}
		}
	}
	return ErrChanged
}

// parseOwner returns the field manager in a cause's message: conflict with "kubectl-annotate" using v1 at ….
func parseOwner(message string) string {
	if _, rest, ok := strings.Cut(message, `"`); ok {
		if name, _, ok := strings.Cut(rest, `"`); ok {
			return name
		}
	}
	return message
}
