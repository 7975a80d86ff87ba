package webhook

import (
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
	"sigs.k8s.io/controller-runtime/pkg/client"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// fieldManager is the name by which the API server knows who owns an annotation.
const fieldManager = "lighterman"

// Accounts reads and annotates service accounts. resolve.ErrNotFound says that there is no such account.
type Accounts interface {
	// Cached gives the annotations that matter here, without I/O. resolve.ErrNotFound may also mean: not known yet.
	Cached(ctx context.Context, account types.NamespacedName) (map[string]string, error)
	// Live reads an account from the API server.
	Live(ctx context.Context, account types.NamespacedName) (*Account, error)
	// Apply makes annotations the ones that Lighterman owns. It takes none over from another owner: a *TakenError says
	// who that is. errChanged says that the account is not as it was read.
	Apply(ctx context.Context, account *Account, annotations map[string]string, dryRun bool) error
}

// Account is a service account as it was read.
type Account struct {
	types.NamespacedName
	UID, ResourceVersion string
	Annotations          map[string]string
	// Owned are the keys of the annotations that Lighterman applied.
	Owned []string
}

// TakenError says that an annotation with another value is somebody else's.
type TakenError struct {
	// Key is that of the annotation, Owner the field manager.
	Key, Owner string
}

// Error says who owns what.
func (e *TakenError) Error() string { return "annotation " + e.Key + " is owned by " + e.Owner }

var errChanged = errors.New("the service account changed in the meantime")

// accounts reaches service accounts through a cache of their metadata, and the API server.
type accounts struct {
	cache, live client.Reader
	// filled reports whether the cache knows every account.
	filled func() bool
	writer client.Writer
}

var _ Accounts = (*accounts)(nil)

// accountMetadata is the type by which service accounts are cached, read and written: their metadata alone.
func accountMetadata() *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: corev1.SchemeGroupVersion.String(), Kind: "ServiceAccount"},
	}
}

// stripAccount keeps of a service account what identifies it, and the annotations that matter here: a large cluster has
// tens of thousands.
func stripAccount(object any) (any, error) {
	full, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return object, nil
	}
	return &metav1.PartialObjectMetadata{TypeMeta: full.TypeMeta, ObjectMeta: metav1.ObjectMeta{
		Namespace: full.Namespace, Name: full.Name, ResourceVersion: full.ResourceVersion,
		Annotations: resolve.PickAnnotations(full.Annotations, accountKeys),
	}}, nil
}

// accountKeys are the annotations of service accounts that matter here.
var accountKeys = slices.Concat(
	[]string{injector.AnnotationAnnotatedFor}, profile.IdentityAnnotations, injector.DefaultAnnotations)

func (a *accounts) Cached(ctx context.Context, account types.NamespacedName) (map[string]string, error) {
	if !a.filled() {
		return nil, resolve.ErrNotFound // To wait for it could take longer than the API server waits for us.
	}
	found := accountMetadata()
	if err := a.cache.Get(ctx, account, found); err != nil {
		return nil, resolve.NotFound(err)
	}
	return found.Annotations, nil
}

func (a *accounts) Live(ctx context.Context, account types.NamespacedName) (*Account, error) {
	if problems := validation.IsDNS1123Subdomain(account.Name); len(problems) > 0 {
		return nil, resolve.ErrNotFound // The client would make an error of it, and there can be no such account.
	}
	found := accountMetadata()
	if err := a.live.Get(ctx, account, found); err != nil {
		return nil, resolve.NotFound(err)
	}
	return &Account{
		NamespacedName: account, UID: string(found.UID), ResourceVersion: found.ResourceVersion,
		Annotations: found.Annotations, Owned: owned(found.ManagedFields),
	}, nil
}

// owned gives the keys of the annotations that Lighterman applied. Managed fields that cannot be read own nothing.
func owned(fields []metav1.ManagedFieldsEntry) []string {
	var keys []string
	for _, entry := range fields {
		if entry.Manager != fieldManager || entry.Operation != metav1.ManagedFieldsOperationApply || entry.FieldsV1 == nil {
			continue
		}
		var set struct {
			Metadata struct {
				Annotations map[string]json.RawMessage `json:"f:annotations"`
			} `json:"f:metadata"`
		}
		if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &set); err != nil {
			continue
		}
		for field := range set.Metadata.Annotations {
			if key, ok := strings.CutPrefix(field, "f:"); ok {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

func (a *accounts) Apply(ctx context.Context, account *Account, annotations map[string]string, dryRun bool) error {
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
	return applyError(a.writer.Patch(ctx, object, client.RawPatch(types.ApplyPatchType, body), options...))
}

// applyError tells an annotation that somebody else owns from a service account that changed.
func applyError(err error) error {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || !apierrors.IsConflict(err) {
		if apierrors.IsNotFound(err) {
			return errChanged
		}
		return err
	}
	if details := status.ErrStatus.Details; details != nil {
		for _, cause := range details.Causes {
			if cause.Type == metav1.CauseTypeFieldManagerConflict {
				return &TakenError{Key: strings.TrimPrefix(cause.Field, ".metadata.annotations."), Owner: ownerIn(cause.Message)}
			}
		}
	}
	return errChanged
}

// ownerIn reads the field manager out of a cause's message: conflict with "kubectl-annotate" using v1 at ….
func ownerIn(message string) string {
	if _, rest, ok := strings.Cut(message, `"`); ok {
		if name, _, ok := strings.Cut(rest, `"`); ok {
			return name
		}
	}
	return message
}

// cachedOrLive returns a reader that asks the API server where the cache does not know the account: it was created with the
// pod, or the cache is not filled yet. The API server has admitted the pod for that account, so there is one, and one look
// is enough.
func cachedOrLive(accounts Accounts) resolve.AccountReader {
	live := liveOnly(accounts)
	return func(ctx context.Context, account types.NamespacedName) (map[string]string, error) {
		if found, err := accounts.Cached(ctx, account); !errors.Is(err, resolve.ErrNotFound) {
			return found, err
		}
		return live(ctx, account)
	}
}

// liveOnly returns a reader that asks the API server.
func liveOnly(accounts Accounts) resolve.AccountReader {
	return func(ctx context.Context, account types.NamespacedName) (map[string]string, error) {
		found, err := accounts.Live(ctx, account)
		if err != nil {
			return nil, err
		}
		return found.Annotations, nil
	}
}

// cacheOnly returns a reader that never asks the API server. It denies the pod where the cache does not know the account,
// for then the account's default profile is not known.
func cacheOnly(accounts Accounts) resolve.AccountReader {
	return func(ctx context.Context, account types.NamespacedName) (map[string]string, error) {
		found, err := accounts.Cached(ctx, account)
		if errors.Is(err, resolve.ErrNotFound) {
			return nil, notKnownYet(account)
		}
		return found, err
	}
}
