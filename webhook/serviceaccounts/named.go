package serviceaccounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// namedIndex is the index of the profiles by the service accounts that they name and that Lighterman is to annotate.
const namedIndex = "lighterman.namedAccounts"

// namedAccounts finds the service accounts that profiles name in spec.allowedServiceAccounts. The reconciler annotates them
// before any pod asks, so that no review needs to be believed: only where the namespace is opted in, and for a cluster
// profile only where the profile allows the namespace.
type namedAccounts struct {
	// reader is the cache of profiles and namespaces.
	reader           client.Reader
	releaseNamespace string
}

func (n *namedAccounts) indexProfiles(ctx context.Context, indexer client.FieldIndexer) error {
	for _, object := range []client.Object{&v1alpha1.CredentialProfile{}, &v1alpha1.ClusterCredentialProfile{}} {
		if err := indexer.IndexField(ctx, object, namedIndex, accountsNamedBy); err != nil {
			return fmt.Errorf("index the service accounts that profiles name: %w", err)
		}
	}
	return nil
}

// accountsNamedBy returns the names of the service accounts that a profile names and that Lighterman is to annotate.
func accountsNamedBy(object client.Object) []string {
	spec := specOf(object)
	if spec == nil {
		return nil
	}
	if annotations, write := profile.ServiceAccountAnnotations(spec); len(annotations) == 0 || !write {
		return nil
	}
	return spec.AllowedServiceAccounts
}

func specOf(object client.Object) *v1alpha1.CredentialProfileSpec {
	switch o := object.(type) {
	case *v1alpha1.CredentialProfile:
		return &o.Spec
	case *v1alpha1.ClusterCredentialProfile:
		return &o.Spec.CredentialProfileSpec
	}
	return nil
}

// addTo adds to desired what the profiles that name the account request. A profile that the record does not list yet gives
// way to the others: its pods are denied.
func (n *namedAccounts) addTo(
	ctx context.Context,
	desired *desiredState,
	source resolve.Source,
	account types.NamespacedName,
	recorded []resolve.Ref,
	annotations map[string]string,
) error {
	naming, err := n.profilesNaming(ctx, source, account)
	if err != nil {
		return err
	}
	listed := slices.Clone(recorded)
	for _, ref := range naming {
		if slices.Contains(listed, ref) || len(listed) >= maxRequesters {
			continue
		}
		requested, err := profileAnnotations(ctx, source, account, ref)
		if err != nil {
			return err
		}
		// Annotations of another field manager need no record.
		satisfied := len(recorded) == 0 && len(missingAnnotations(annotations, requested)) == 0
		if len(requested) == 0 || satisfied || desired.conflictsWith(requested) {
			continue
		}
		listed = append(listed, ref)
		desired.addRequester(ref, requested)
	}
	return nil
}

// profilesNaming returns the profiles that name the account where it is, in an order that does not change.
func (n *namedAccounts) profilesNaming(
	ctx context.Context, source resolve.Source, account types.NamespacedName,
) ([]resolve.Ref, error) {
	if may, err := n.mayAnnotate(ctx, source, account.Namespace); err != nil || !may {
		return nil, err
	}
	naming := client.MatchingFields{namedIndex: account.Name}
	var own v1alpha1.CredentialProfileList
	if err := n.reader.List(ctx, &own, client.InNamespace(account.Namespace), naming); err != nil {
		return nil, fmt.Errorf("find the profiles that name service account %s: %w", account, err)
	}
	var cluster v1alpha1.ClusterCredentialProfileList
	if err := n.reader.List(ctx, &cluster, naming); err != nil {
		return nil, fmt.Errorf("find the cluster profiles that name service account %s: %w", account, err)
	}
	var refs []resolve.Ref
	for i := range own.Items {
		refs = append(refs, resolve.Ref{Kind: v1alpha1.KindCredentialProfile, Name: own.Items[i].Name})
	}
	for i := range cluster.Items {
		refs = append(refs, resolve.Ref{Kind: v1alpha1.KindClusterCredentialProfile, Name: cluster.Items[i].Name})
	}
	slices.SortFunc(refs, func(a, b resolve.Ref) int {
		// A CredentialProfile comes before a ClusterCredentialProfile: it is nearer.
		return cmp.Or(strings.Compare(b.Kind, a.Kind), strings.Compare(a.Name, b.Name))
	})
	return refs, nil
}

// mayAnnotate reports whether the reconciler annotates service accounts of the namespace before a pod asks.
func (n *namedAccounts) mayAnnotate(ctx context.Context, source resolve.Source, namespace string) (bool, error) {
	if resolve.IsSystemNamespace(namespace, n.releaseNamespace) {
		return false, nil
	}
	found, err := source.Namespace(ctx, namespace)
	if errors.Is(err, resolve.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find namespace %s: %w", namespace, err)
	}
	return resolve.OptsIn(found.Labels, true), nil
}

// requestsFor returns the service accounts that a profile names, or that profiles name in a namespace.
func (n *namedAccounts) requestsFor(ctx context.Context, o client.Object) []reconcile.Request {
	var requests []reconcile.Request
	add := func(namespace string, names []string) {
		for _, name := range names {
			account := types.NamespacedName{Namespace: namespace, Name: name}
			requests = append(requests, reconcile.Request{NamespacedName: account})
		}
	}
	switch profile := o.(type) {
	case *v1alpha1.CredentialProfile:
		add(profile.Namespace, accountsNamedBy(profile))
	case *v1alpha1.ClusterCredentialProfile:
		if names := accountsNamedBy(profile); len(names) > 0 {
			for _, namespace := range n.optedInNamespaces(ctx) {
				add(namespace, names)
			}
		}
	default: // A namespace.
		for _, names := range n.namedIn(ctx, o.GetName()) {
			add(o.GetName(), names)
		}
	}
	return requests
}

func (n *namedAccounts) optedInNamespaces(ctx context.Context) []string {
	list := &metav1.PartialObjectMetadataList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NamespaceList"}}
	if err := n.reader.List(ctx, list); err != nil {
		return nil // The cache fails only where it was never started.
	}
	var names []string
	for i := range list.Items {
		if o := &list.Items[i]; resolve.OptsIn(o.Labels, true) && !resolve.IsSystemNamespace(o.Name, n.releaseNamespace) {
			names = append(names, o.Name)
		}
	}
	return names
}

// namedIn returns the service accounts that the profiles of a namespace and the cluster profiles name.
func (n *namedAccounts) namedIn(ctx context.Context, namespace string) [][]string {
	var own v1alpha1.CredentialProfileList
	var cluster v1alpha1.ClusterCredentialProfileList
	if errors.Join(n.reader.List(ctx, &own, client.InNamespace(namespace)), n.reader.List(ctx, &cluster)) != nil {
		return nil // The cache fails only where it was never started.
	}
	var names [][]string
	for i := range own.Items {
		names = append(names, accountsNamedBy(&own.Items[i]))
	}
	for i := range cluster.Items {
		names = append(names, accountsNamedBy(&cluster.Items[i]))
	}
	return names
}
