package webhook

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// setupStatus registers a controller for each kind. Only the elected replica runs them.
func setupStatus(mgr ctrl.Manager, settings injector.Settings) error {
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	err := ctrl.NewControllerManagedBy(mgr).Named("credentialprofile").For(&v1alpha1.CredentialProfile{}, changed).
		Complete(reconcile.AsReconciler(mgr.GetClient(), statusOf(mgr.GetClient(),
			func(p *v1alpha1.CredentialProfile) (*v1alpha1.ProfileStatus, v1alpha1.ProfileStatus) {
				return &p.Status, Judge(&p.Spec, settings, p.Status, p.Generation, "")
			})))
	if err != nil {
		return fmt.Errorf("set up the status of CredentialProfiles: %w", err)
	}
	err = ctrl.NewControllerManagedBy(mgr).Named("clustercredentialprofile").For(&v1alpha1.ClusterCredentialProfile{}, changed).
		Complete(reconcile.AsReconciler(mgr.GetClient(), statusOf(mgr.GetClient(),
			func(p *v1alpha1.ClusterCredentialProfile) (*v1alpha1.ProfileStatus, v1alpha1.ProfileStatus) {
				return &p.Status, Judge(&p.Spec.CredentialProfileSpec, settings, p.Status, p.Generation, clusterNote(&p.Spec))
			})))
	if err != nil {
		return fmt.Errorf("set up the status of ClusterCredentialProfiles: %w", err)
	}
	return nil
}

// statusOf reconciles the status of one kind; judge gives where the status stands in an object, and what it should be.
func statusOf[P client.Object](c client.Client, judge func(P) (*v1alpha1.ProfileStatus, v1alpha1.ProfileStatus)) reconcile.ObjectReconciler[P] {
	return reconcilerFunc[P](func(ctx context.Context, cached P) (reconcile.Result, error) {
		profile := cached.DeepCopyObject().(P) // The cache's objects are shared.
		status, want := judge(profile)
		if reflect.DeepEqual(*status, want) {
			return reconcile.Result{}, nil
		}
		*status = want
		if err := c.Status().Update(ctx, profile); err != nil {
			return reconcile.Result{}, client.IgnoreNotFound(err)
		}
		return reconcile.Result{}, nil
	})
}

type reconcilerFunc[P client.Object] func(context.Context, P) (reconcile.Result, error)

func (f reconcilerFunc[P]) Reconcile(ctx context.Context, object P) (reconcile.Result, error) {
	return f(ctx, object)
}

// Judge gives the status that a profile should have. note is added to the message of an accepted profile.
func Judge(spec *v1alpha1.CredentialProfileSpec, settings injector.Settings, old v1alpha1.ProfileStatus, generation int64,
	note string,
) v1alpha1.ProfileStatus {
	status := *old.DeepCopy()
	status.ObservedGeneration = generation
	resolved := profile.Resolve(spec)
	status.Store, status.Auth = resolved.URL(), resolved.AuthMode()
	condition := metav1.Condition{
		Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted,
		Message: "Pods can be injected with the profile." + note, ObservedGeneration: generation,
	}
	if problems := resolved.Check(settings.Cluster); len(problems) > 0 {
		condition.Status, condition.Reason = metav1.ConditionFalse, v1alpha1.ReasonNotSupported
		messages := make([]string, len(problems))
		for i, p := range problems {
			messages[i] = p.String()
			if !p.Unsupported {
				condition.Reason = v1alpha1.ReasonInvalid
			}
		}
		condition.Message = strings.Join(messages, "; ")
	}
	meta.SetStatusCondition(&status.Conditions, condition)
	return status
}

func clusterNote(spec *v1alpha1.ClusterCredentialProfileSpec) string {
	if !resolve.AllowsAny(spec.AllowedNamespaces) {
		return " No namespace may use it: set spec.allowedNamespaces."
	}
	return ""
}
