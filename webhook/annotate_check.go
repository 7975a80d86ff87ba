package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/resolve"
)

// notKnownYet denies a pod whose service account the cache does not know, where the API server must not be asked.
func notKnownYet(account types.NamespacedName) error {
	return injector.Deny(injector.ReasonServiceAccountNotFound, fmt.Sprintf(
		"service account %s is not known yet: try again in a moment, as controllers do by themselves", account))
}

// check denies a pod whose service account lacks what the profile asks for. It writes nothing: the elected replica does,
// for the accounts that the profile names. Only for a proven review it asks the API server, before it denies.
func (a *Annotator) check(ctx context.Context, account types.NamespacedName, prof *profile.Profile, proven bool) error {
	if a == nil {
		return nil // The injector has refused what could not work, or warned of it.
	}
	want, write := profile.ServiceAccountAnnotations(prof.Spec)
	if len(want) == 0 {
		return nil
	}
	annotations, err := a.Accounts.Cached(ctx, account)
	if err != nil && !errors.Is(err, resolve.ErrNotFound) {
		return fmt.Errorf("find service account %s: %w", account, err)
	}
	if err == nil && len(lacking(annotations, want)) == 0 {
		return nil
	}
	d := &demand{account: account, profile: prof, want: want}
	switch {
	case proven:
		live, readErr := a.read(ctx, d)
		if readErr != nil {
			return readErr
		}
		annotations = live.Annotations
	case err != nil:
		return notKnownYet(account)
	}
	missing := lacking(annotations, want)
	if len(missing) == 0 {
		return nil
	}
	return injector.Deny(injector.ReasonServiceAccountNotAnnotated, d.notAnnotated(annotations, missing, write))
}

// notAnnotated says what to do about annotations that are missing, where an admission does not write them.
func (d *demand) notAnnotated(annotations map[string]string, missing []profile.Annotation, write bool) string {
	command := profile.AnnotateCommand(d.account.Namespace, d.account.Name, missing)
	taken := slices.ContainsFunc(missing, func(m profile.Annotation) bool { return annotations[m.Key] != "" })
	if taken {
		command += " --overwrite"
	}
	switch {
	case !write:
		return fmt.Sprintf(
			"service account %s lacks an annotation without which %s %s cannot work, and spec.serviceAccount.annotate is Never: run %s",
			d.account, d.profile.Kind, d.profile, command)
	case taken:
		return fmt.Sprintf(
			"service account %s has another value than %s %s wants, and Lighterman does not overwrite it: run %s, or run the pod as another service account",
			d.account, d.profile.Kind, d.profile, command)
	case slices.Contains(d.profile.Spec.AllowedServiceAccounts, d.account.Name):
		return fmt.Sprintf(
			"service account %s does not have the annotations of %s %s yet: Lighterman is writing them, so try again in a moment, as controllers do by themselves",
			d.account, d.profile.Kind, d.profile)
	default:
		return fmt.Sprintf(
			"service account %s lacks annotations of %s %s, and Lighterman writes here only to accounts that a profile names: name %s in spec.allowedServiceAccounts of the profile, or run %s",
			d.account, d.profile.Kind, d.profile, d.account.Name, command)
	}
}
