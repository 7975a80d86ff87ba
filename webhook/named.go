package webhook

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
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// namedIndex is the index of the profiles by the service accounts that they name and want annotated.
const namedIndex = "lighterman.namedAccounts"

// namedAccounts finds the service accounts that profiles name in spec.allowedServiceAccounts. They are annotated before
// any pod asks, so that no review needs to be believed: only where the namespace is opted in, and a cluster profile's
// only where the profile allows the namespace.
type namedAccounts struct {
	// reader is the cache of profiles and namespaces.
	reader client.Reader
	// profiles finds the same, as admissions do.
	profiles resolve.Source
	gate     *Gate
}

func (n *namedAccounts) index(ctx context.Context, indexer client.FieldIndexer) error {
	for _, object := range []client.Object{&v1alpha1.CredentialProfile{}, &v1alpha1.ClusterCredentialProfile{}} {
		if err := indexer.IndexField(ctx, object, namedIndex, accountsNamedBy); err != nil {
			return fmt.Errorf("index the service accounts that profiles name: %w", err)
		}
	}
	return nil
}

// accountsNamedBy returns the names of the service accounts that a profile names and wants annotated.
func accountsNamedBy(object client.Object) []string {
	spec := specOf(object)
	if spec == nil {
		return nil
	}
	if want, write := profile.ServiceAccountAnnotations(spec); len(want) == 0 || !write {
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

// wishesOf returns what the profiles of the record want, and those that name the account. A profile that is not in the
// record yet stands back for the others: its pods are denied and told.
func (n *namedAccounts) wishesOf(ctx context.Context, source resolve.Source, account types.NamespacedName, askers []injector.Ref, annotations map[string]string) (*wishes, error) {
	naming, err := n.profilesNaming(ctx, source, account)
	if err != nil {
		return nil, err
	}
	all := slices.Clone(askers)
	w, err := wishesOf(ctx, source, account, all)
	if err != nil {
		return nil, err
	}
	for _, ref := range naming {
		if slices.Contains(all, ref) || len(all) >= maxAskers {
			continue
		}
		want, err := wish(ctx, source, account, ref)
		if err != nil {
			return nil, err
		}
		// What somebody else wrote needs no record.
		satisfied := len(askers) == 0 && len(lacking(annotations, want)) == 0
		if len(want) == 0 || satisfied || w.conflicts(want) {
			continue
		}
		all = append(all, ref)
		w.add(ref, want)
	}
	return w, nil
}

// conflicts reports whether another value is wanted already.
func (w *wishes) conflicts(want []profile.Annotation) bool {
	return slices.ContainsFunc(want, func(a profile.Annotation) bool {
		value, ok := w.values[a.Key]
		return ok && value != a.Value
	})
}

// profilesNaming returns the profiles that name the account where it is, in an order that does not change.
func (n *namedAccounts) profilesNaming(ctx context.Context, source resolve.Source, account types.NamespacedName) ([]injector.Ref, error) {
	if opted, err := n.mayAnnotate(ctx, source, account.Namespace); err != nil || !opted {
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
	var refs []injector.Ref
	for i := range own.Items {
		refs = append(refs, injector.Ref{Kind: v1alpha1.KindCredentialProfile, Name: own.Items[i].Name})
	}
	for i := range cluster.Items {
		refs = append(refs, injector.Ref{Kind: v1alpha1.KindClusterCredentialProfile, Name: cluster.Items[i].Name})
	}
	slices.SortFunc(refs, func(a, b injector.Ref) int {
		// A CredentialProfile comes before a ClusterCredentialProfile: it is nearer.
		return cmp.Or(strings.Compare(b.Kind, a.Kind), strings.Compare(a.Name, b.Name))
	})
	return refs, nil
}

// mayAnnotate reports whether service accounts of the namespace are annotated before a pod asks.
func (n *namedAccounts) mayAnnotate(ctx context.Context, source resolve.Source, namespace string) (bool, error) {
	if resolve.IsSystemNamespace(namespace, n.gate.ReleaseNamespace) {
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

// requests names the service accounts that the profile names, or those that profiles name in the namespace.
func (n *namedAccounts) requests(ctx context.Context, o client.Object) []reconcile.Request {
	var requests []reconcile.Request
	add := func(namespace string, names []string) {
		for _, name := range names {
			requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}})
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
		if o := &list.Items[i]; resolve.OptsIn(o.Labels, true) && !resolve.IsSystemNamespace(o.Name, n.gate.ReleaseNamespace) {
			names = append(names, o.Name)
		}
	}
	return names
}

// namedIn returns the service accounts that the profiles of a namespace and the cluster's name.
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
