package profilestatus

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// Setup registers a controller for each kind of profile. Only the elected replica runs them.
func Setup(mgr ctrl.Manager, cluster profile.Cluster) error {
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	own := newReconciler(mgr.GetClient(), func(p *v1alpha1.CredentialProfile) {
		setStatus(&p.Status, &p.Spec, cluster, p.Generation, false, "")
	})
	err := ctrl.NewControllerManagedBy(mgr).Named("credentialprofile").
		For(&v1alpha1.CredentialProfile{}, changed).Complete(reconcile.AsReconciler(mgr.GetClient(), own))
	if err != nil {
		return fmt.Errorf("set up the status of CredentialProfiles: %w", err)
	}
	clusterWide := newReconciler(mgr.GetClient(), func(p *v1alpha1.ClusterCredentialProfile) {
		setStatus(&p.Status, &p.Spec.CredentialProfileSpec, cluster, p.Generation, true, clusterNote(&p.Spec))
	})
	err = ctrl.NewControllerManagedBy(mgr).Named("clustercredentialprofile").
		For(&v1alpha1.ClusterCredentialProfile{}, changed).Complete(reconcile.AsReconciler(mgr.GetClient(), clusterWide))
	if err != nil {
		return fmt.Errorf("set up the status of ClusterCredentialProfiles: %w", err)
	}
	return nil
}

// newReconciler returns a reconciler of one kind. update sets the status of a profile.
func newReconciler[P client.Object](c client.Client, update func(P)) reconcile.ObjectReconciler[P] {
	return reconcilerFunc[P](func(ctx context.Context, cached P) (reconcile.Result, error) {
		desired := cached.DeepCopyObject().(P) // The cache's objects are shared.
		update(desired)
		if equality.Semantic.DeepEqual(cached, desired) {
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, client.IgnoreNotFound(c.Status().Update(ctx, desired))
	})
}

type reconcilerFunc[P client.Object] func(context.Context, P) (reconcile.Result, error)

func (f reconcilerFunc[P]) Reconcile(ctx context.Context, object P) (reconcile.Result, error) {
	return f(ctx, object)
}

// setStatus sets the status that a profile should have; clusterWide: it is a cluster profile. note is added to the message of an accepted profile.
func setStatus(
	status *v1alpha1.ProfileStatus,
	spec *v1alpha1.CredentialProfileSpec,
	cluster profile.Cluster,
	generation int64,
	clusterWide bool,
	note string,
) {
	resolved := profile.Resolve(spec)
	status.ObservedGeneration = generation
	status.Store, status.Auth = resolved.URL(), resolved.AuthMode()
	for _, text := range resolved.Notes() {
		note += " " + text
	}
	warnings := resolved.Warnings()
	if sharing := resolved.SharingWarning(clusterWide); sharing != "" {
		warnings = append(warnings, sharing)
	}
	for _, warning := range warnings {
		note += " Warning: " + warning + "."
	}
	condition := acceptedCondition(resolved.Check(cluster), note)
	condition.ObservedGeneration = generation
	meta.SetStatusCondition(&status.Conditions, condition)
}

// acceptedCondition returns the condition that reports the problems of a profile.
func acceptedCondition(problems []profile.Problem, note string) metav1.Condition {
	condition := metav1.Condition{
		Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted,
		Message: "Pods can be injected with the profile." + note,
	}
	if len(problems) == 0 {
		return condition
	}
	condition.Status, condition.Reason = metav1.ConditionFalse, v1alpha1.ReasonNotSupported
	messages := make([]string, len(problems))
	for i, p := range problems {
		messages[i] = p.String()
		if !p.Unsupported {
			condition.Reason = v1alpha1.ReasonInvalid
		}
	}
	condition.Message = strings.Join(messages, "; ")
	return condition
}

// clusterNote returns what to add where no namespace may use a cluster profile.
func clusterNote(spec *v1alpha1.ClusterCredentialProfileSpec) string {
	if resolve.AllowsAny(spec.AllowedNamespaces) {
		return ""
	}
	return " No namespace may use it: set spec.allowedNamespaces."
}
