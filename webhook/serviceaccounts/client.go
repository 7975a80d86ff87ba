package serviceaccounts

import (
	"context"
	"errors"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/webhook/resolve"
)

// Client reads and annotates service accounts. It returns resolve.ErrNotFound for an account that does not exist.
type Client interface {
	// Cached returns the annotations that matter here, without I/O. ErrNotFound may also mean that the cache does not know
	// the account yet.
	Cached(ctx context.Context, account types.NamespacedName) (map[string]string, error)
	// Live reads an account from the API server.
	Live(ctx context.Context, account types.NamespacedName) (*Account, error)
	// Apply makes annotations the ones that Lighterman owns. It returns a *FieldConflictError where another field manager
	// owns one of them, and ErrChanged where the account is not as it was read.
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

// requesters returns the profiles of the record, if Lighterman wrote it.
func (a *Account) requesters() []resolve.Ref {
	if !slices.Contains(a.Owned, injector.AnnotationAnnotatedFor) {
		return nil
	}
	return parseRequesters(a.Annotations[injector.AnnotationAnnotatedFor])
}

// upToDate reports whether the account has the desired annotations, and Lighterman owns no others there.
func (a *Account) upToDate(desired *desiredState) bool {
	annotations := desired.annotations()
	for key, value := range annotations {
		if a.Annotations[key] != value {
			return false
		}
	}
	return !slices.ContainsFunc(a.Owned, func(key string) bool { _, ok := annotations[key]; return !ok })
}

// FieldConflictError reports that another field manager owns an annotation, with another value.
type FieldConflictError struct {
	// Key is that of the annotation, Owner the field manager.
	Key, Owner string
}

func (e *FieldConflictError) Error() string { return "annotation " + e.Key + " is owned by " + e.Owner }

// ErrChanged reports that a service account changed between the read and the write.
var ErrChanged = errors.New("the service account changed in the meantime")

// CachedOrLive returns a reader that asks the API server where the cache does not know the account: the account was created
// with the pod, or the cache is not filled yet. The API server has admitted the pod for the account, so it exists, and one
// read is enough.
func CachedOrLive(c Client) resolve.AccountReader {
	live := LiveOnly(c)
	return func(ctx context.Context, account types.NamespacedName) (map[string]string, error) {
		if found, err := c.Cached(ctx, account); !errors.Is(err, resolve.ErrNotFound) {
			return found, err
		}
		return live(ctx, account)
	}
}

// LiveOnly returns a reader that asks the API server.
func LiveOnly(c Client) resolve.AccountReader {
	return func(ctx context.Context, account types.NamespacedName) (map[string]string, error) {
		found, err := c.Live(ctx, account)
		if err != nil {
			return nil, err
		}
		return found.Annotations, nil
	}
}

// CacheOnly returns a reader that never asks the API server. It denies the pod where the cache does not know the account,
// for then the account's default profile is not known.
func CacheOnly(c Client) resolve.AccountReader {
	return func(ctx context.Context, account types.NamespacedName) (map[string]string, error) {
		found, err := c.Cached(ctx, account)
		if errors.Is(err, resolve.ErrNotFound) {
			return nil, denyNotKnownYet(account)
		}
		return found, err
	}
}
