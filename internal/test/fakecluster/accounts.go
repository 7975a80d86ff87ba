package fakecluster

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/webhook/resolve"
	"lighterman.dev/lighterman/webhook/serviceaccounts"
)

// The calls that an Accounts records.
const (
	CallRead   = "read"
	CallApply  = "apply"
	CallDryRun = "dry run"
)

// Accounts is a serviceaccounts.Client over one service account, whatever its name.
type Accounts struct {
	// CachedAnnotations and LiveAnnotations are nil where there is no account.
	CachedAnnotations, LiveAnnotations map[string]string
	// Owned are the keys of the annotations that Lighterman applied.
	Owned []string
	// Conflict is returned by every apply, if it is set.
	Conflict *serviceaccounts.FieldConflictError
	// Changes is how often the account changes before an apply.
	Changes int

	// Calls are the calls that reached the API server, Applied what the last successful apply wrote.
	Calls   []string
	Applied map[string]string
}

var _ serviceaccounts.Client = (*Accounts)(nil)

// Cached returns CachedAnnotations.
func (a *Accounts) Cached(context.Context, types.NamespacedName) (map[string]string, error) {
	if a.CachedAnnotations == nil {
		return nil, resolve.ErrNotFound
	}
	return a.CachedAnnotations, nil
}

// Live returns LiveAnnotations.
func (a *Accounts) Live(_ context.Context, account types.NamespacedName) (*serviceaccounts.Account, error) {
	a.Calls = append(a.Calls, CallRead)
	if a.LiveAnnotations == nil {
		return nil, resolve.ErrNotFound
	}
	return &serviceaccounts.Account{NamespacedName: account, Annotations: a.LiveAnnotations, Owned: a.Owned}, nil
}

// Apply records the annotations.
func (a *Accounts) Apply(
	_ context.Context, _ *serviceaccounts.Account, annotations map[string]string, dryRun bool,
) error {
	call := CallApply
	if dryRun {
		call = CallDryRun
	}
	a.Calls = append(a.Calls, call)
	if a.Conflict != nil {
		return a.Conflict
	}
	if a.Changes > 0 {
		a.Changes--
		return serviceaccounts.ErrChanged
	}
	a.Applied = annotations
	return nil
}
