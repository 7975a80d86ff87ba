package webhook

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
)

// wanted names the profile of a pod, and says in whose annotation it stands.
type wanted struct {
	injector.Ref
	// by is the object for messages; empty: the pod itself.
	by string
}

// wantedBy gives the profile that the pod names, or else the default of its service account, or else that of its
// namespace. The zero wanted: none of them names one. Only namespaces that are labelled "selected" send pods that name no
// profile, so no other pod costs a look.
func wantedBy(ctx context.Context, finder Finder, req *request) (wanted, error) {
	ref, err := injector.Requested(&req.Object.Metadata)
	if err != nil || ref != (injector.Ref{}) {
		return wanted{Ref: ref}, err
	}
	account := types.NamespacedName{Namespace: req.Namespace, Name: req.Object.ServiceAccount()}
	annotations, err := finder.AccountAnnotations(ctx, account)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return wanted{}, fmt.Errorf("find service account %s: %w", account, err)
	}
	if found, err := defaultIn(annotations, "service account "+account.String()); err != nil || found != (wanted{}) {
		return found, err
	}
	namespace, err := finder.Namespace(ctx, req.Namespace)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return wanted{}, fmt.Errorf("find namespace %s: %w", req.Namespace, err)
	}
	return defaultIn(namespace.Annotations, "namespace "+req.Namespace)
}

func defaultIn(annotations map[string]string, by string) (wanted, error) {
	ref, err := injector.RequestedBy(annotations, by)
	if err != nil || ref == (injector.Ref{}) {
		return wanted{}, err
	}
	return wanted{Ref: ref, by: by}, nil
}
