package serviceaccounts

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// denyNotKnownYet denies a pod whose service account the cache does not know, where the API server must not be asked.
func denyNotKnownYet(account types.NamespacedName) error {
	return injector.Deny(injector.ReasonServiceAccountNotFound, fmt.Sprintf(
		"service account %s is not known yet: try again in a moment, as controllers do by themselves", account))
}

// denyNotFound denies a pod whose service account does not exist.
func (r *request) denyNotFound() error {
	return injector.Deny(injector.ReasonServiceAccountNotFound, fmt.Sprintf(
		"there is no service account %q in namespace %s, and %s %s needs one with annotations: run kubectl create serviceaccount %s -n %s, or set the pod's serviceAccountName",
		r.account.Name, r.account.Namespace, r.profile.Kind, r.profile, r.account.Name, r.account.Namespace))
}

// denyNotAnnotated denies a pod whose service account lacks annotations that the admission does not write. write reports
// whether Lighterman writes them elsewhere.
func (r *request) denyNotAnnotated(annotations map[string]string, missing []profile.Annotation, write bool) error {
	return injector.Deny(injector.ReasonServiceAccountNotAnnotated, r.describeMissing(annotations, missing, write))
}

func (r *request) describeMissing(annotations map[string]string, missing []profile.Annotation, write bool) string {
	command := profile.AnnotateCommand(r.account.Namespace, r.account.Name, missing)
	hasOtherValue := slices.ContainsFunc(missing, func(m profile.Annotation) bool { return annotations[m.Key] != "" })
	if hasOtherValue {
		command += " --overwrite"
	}
	switch {
	case !write:
		return fmt.Sprintf(
			"service account %s lacks an annotation without which %s %s cannot work, and spec.serviceAccount.annotate is Never: run %s",
			r.account, r.profile.Kind, r.profile, command)
	case hasOtherValue:
		return fmt.Sprintf(
			"service account %s has another value than %s %s wants, and Lighterman does not overwrite it: run %s, or run the pod as another service account",
			r.account, r.profile.Kind, r.profile, command)
	case slices.Contains(r.profile.Spec.AllowedServiceAccounts, r.account.Name):
		return fmt.Sprintf(
			"service account %s does not have the annotations of %s %s yet: Lighterman is writing them, so try again in a moment, as controllers do by themselves",
			r.account, r.profile.Kind, r.profile)
	default:
		return fmt.Sprintf(
			"service account %s lacks annotations of %s %s, and Lighterman writes here only to accounts that a profile names: name %s in spec.allowedServiceAccounts of the profile, or run %s",
			r.account, r.profile.Kind, r.profile, r.account.Name, command)
	}
}

// conflictError denies a pod whose profile requests another value than an earlier profile.
func (d *desiredState) conflictError(account types.NamespacedName, ref resolve.Ref) error {
	var problems []string
	for _, c := range d.conflicts {
		if c.later == ref {
			problems = append(problems, fmt.Sprintf(
				"%s wants %s=%s on service account %s, which has %s for %s: run the pod as another service account, or use one identity in both profiles",
				describeRef(ref, account.Namespace), c.key, c.value, account, d.values[c.key],
				describeRef(c.first, account.Namespace)))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return injector.Deny(injector.ReasonServiceAccountConflict, problems...)
}

// ownedByOtherError denies a pod whose profile requests an annotation that another field manager owns.
func ownedByOtherError(
	conflict *FieldConflictError, account *Account, p *profile.Profile, desired *desiredState,
) error {
	key := conflict.Key
	if key == injector.AnnotationAnnotatedFor {
		return injector.Deny(injector.ReasonServiceAccountConflict, fmt.Sprintf(
			"annotation %s of service account %s was written by %q, and only Lighterman writes it: run kubectl annotate serviceaccount %s -n %s %s-",
			key, account, conflict.Owner, account.Name, account.Namespace, key))
	}
	return injector.Deny(injector.ReasonServiceAccountConflict, fmt.Sprintf(
		"%s %s wants %s=%s on service account %s, which has %q, written by %q: run kubectl annotate serviceaccount %s -n %s %s- if that is not needed any more, or run the pod as another service account",
		p.Kind, p, key, desired.values[key], account, account.Annotations[key], conflict.Owner,
		account.Name, account.Namespace, key))
}
