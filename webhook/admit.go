package webhook

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
)

// Candidate is a profile, and what decides who may use it.
type Candidate struct {
	*injector.Profile
	// AllowedNamespaces is set for cluster profiles only; nil or empty allows none.
	AllowedNamespaces *metav1.LabelSelector
}

// Finder finds what an admission depends on. ErrNotFound says that there is no such object.
type Finder interface {
	Profile(ctx context.Context, ref injector.Ref, namespace string) (*Candidate, error)
	// Selecting gives the profiles with a selector that pods of the namespace may fall under.
	Selecting(ctx context.Context, namespace string) ([]Candidate, error)
	Namespace(ctx context.Context, name string) (Namespace, error)
	// AccountAnnotations gives those annotations of a service account that name a default. None where Lighterman may not
	// read service accounts.
	AccountAnnotations(ctx context.Context, account types.NamespacedName) (map[string]string, error)
}

// Namespace is what is known of a namespace.
type Namespace struct {
	Labels map[string]string
	// Annotations are those that name a default.
	Annotations map[string]string
}

// ErrNotFound is returned by a Finder for an object that does not exist.
var ErrNotFound = errors.New("not found")

// admit decides by what the caches say. A denial that does not follow from the pod alone is decided once more by what the
// API server says: see denialBasis.
//
// A review whose sender is not proven is decided by the caches alone.
func (h *Handler) admit(ctx context.Context, req *request) (outcome, error) {
	if err := h.checkScope(ctx, req); err != nil {
		return outcome{}, err
	}
	if injector.OptedOut(&req.Object.Metadata) {
		return outcome{}, nil
	}
	if !req.proven {
		return h.decide(ctx, h.CacheOnly, req)
	}
	req.cached = true
	out, err := h.decide(ctx, h.Cached, req)
	req.cached = false
	if isDecidedLive(err) {
		return h.decide(ctx, h.Live, req)
	}
	return out, err
}

func (h *Handler) decide(ctx context.Context, finder Finder, req *request) (outcome, error) {
	candidate, err := find(ctx, finder, req)
	if err != nil {
		return outcome{}, err
	}
	if candidate == nil {
		return outcome{}, refuseRecord(&req.Object.Metadata)
	}
	out := outcome{profile: candidate.Profile}
	if err := authorise(ctx, finder, req, candidate); err != nil {
		return out, err
	}
	out.result, err = injector.Inject(&req.Object, candidate.Profile, h.Settings)
	out.injected = len(out.result.Operations) > 0
	if err != nil {
		return out, err
	}
	if req.cached && (out.result.Replaced || !matchesRecord(&req.Object.Metadata, candidate.Profile)) {
		return out, errOtherRecord
	}
	account := types.NamespacedName{Namespace: req.Namespace, Name: req.Object.ServiceAccount()}
	if !req.proven || h.Gate.NamedAccountsOnly {
		return out, h.Annotator.check(ctx, account, candidate.Profile, req.proven)
	}
	return out, h.Annotator.ensure(ctx, account, candidate.Profile, req.DryRun)
}

// refuseRecord denies a pod that no profile is for and that carries the record of an injection: whoever reads the record
// would believe it. The admission policy cannot, for in a namespace labelled "selected" it does not know what matched.
func refuseRecord(pod *injector.Metadata) error {
	if _, ok := pod.Annotations[injector.AnnotationInjected]; !ok {
		return nil
	}
	return injector.Deny(injector.ReasonCollision, fmt.Sprintf(
		"metadata.annotations[%s]: only Lighterman writes this annotation, and no profile names or selects the pod: remove it, and what a former injection left in the pod",
		injector.AnnotationInjected))
}

// find gives the profile that the pod asks for or is to have by default, or else the one that it falls under; nil: none.
func find(ctx context.Context, finder Finder, req *request) (*Candidate, error) {
	want, err := wantedBy(ctx, finder, req)
	if err != nil {
		return nil, err
	}
	if want == (wanted{}) {
		return selected(ctx, finder, req)
	}
	candidate, err := finder.Profile(ctx, want.Ref, req.Namespace)
	if errors.Is(err, ErrNotFound) {
		return nil, unknownProfile(want, req.Namespace)
	}
	if err != nil {
		return nil, fmt.Errorf("find %s %s: %w", want.Kind, want.Name, err)
	}
	return candidate, nil
}

func unknownProfile(ref wanted, namespace string) error {
	of := ""
	if ref.by != "" {
		of = " of " + ref.by
	}
	if ref.Kind == v1alpha1.KindClusterCredentialProfile {
		return injector.Deny(injector.ReasonUnknownProfile, fmt.Sprintf(
			"there is no %s %q, which annotation %s%s names: list them with kubectl get clustercredentialprofiles; a profile of the pod's own namespace is named in %s",
			ref.Kind, ref.Name, injector.AnnotationClusterProfile, of, injector.AnnotationProfile))
	}
	return injector.Deny(injector.ReasonUnknownProfile, fmt.Sprintf(
		"there is no %s %q in namespace %s, which annotation %s%s names: list them with kubectl get credentialprofiles -n %s; a cluster profile is named in %s",
		ref.Kind, ref.Name, namespace, injector.AnnotationProfile, of, namespace, injector.AnnotationClusterProfile))
}

// selected gives the one profile whose selector the pod falls under; nil: none. Only namespaces that are labelled
// "selected" send pods that name no profile.
func selected(ctx context.Context, finder Finder, req *request) (*Candidate, error) {
	candidates, err := finder.Selecting(ctx, req.Namespace)
	if err != nil {
		return nil, fmt.Errorf("find the profiles that select pods: %w", err)
	}
	var matching []*Candidate
	for i := range candidates {
		c := &candidates[i]
		ok, err := selects(ctx, finder, c, req)
		if err != nil {
			return nil, err
		}
		if ok {
			matching = append(matching, c)
		}
	}
	switch len(matching) {
	case 0:
		return nil, nil
	case 1:
		return matching[0], nil
	}
	profiles := make([]*injector.Profile, len(matching))
	for i, c := range matching {
		profiles[i] = c.Profile
	}
	return nil, injector.AmbiguousSelector(profiles)
}

// selects reports whether the pod falls under a profile's selector. A cluster profile that the namespace may not use
// selects nothing there.
func selects(ctx context.Context, finder Finder, c *Candidate, req *request) (bool, error) {
	if !injector.Selects(c.Profile, &req.Object) {
		return false, nil
	}
	err := allowedIn(ctx, finder, c, req.Namespace)
	if _, denied := errors.AsType[*injector.DeniedError](err); denied {
		return false, nil
	}
	return err == nil, err
}

// authorise denies a pod that may not use the profile.
func authorise(ctx context.Context, finder Finder, req *request, c *Candidate) error {
	if err := allowedIn(ctx, finder, c, req.Namespace); err != nil {
		return err
	}
	return injector.CheckServiceAccount(&req.Object, c.Profile)
}

func allowedIn(ctx context.Context, finder Finder, c *Candidate, namespace string) error {
	if c.Kind != v1alpha1.KindClusterCredentialProfile {
		return nil // A namespaced profile is only ever found in the pod's own namespace.
	}
	found, err := finder.Namespace(ctx, namespace)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("find namespace %s: %w", namespace, err)
	}
	ok := false
	if a := c.AllowedNamespaces; err == nil && a != nil && len(a.MatchLabels)+len(a.MatchExpressions) > 0 {
		if ok, err = matches(a, found.Labels); err != nil {
			return injector.Deny(injector.ReasonInvalidProfile, fmt.Sprintf("%s %s: spec.allowedNamespaces: %v", c.Kind, c, err))
		}
	}
	if !ok {
		return injector.Deny(injector.ReasonNamespaceNotAllowed, fmt.Sprintf(
			"%s %s does not allow namespace %s: label the namespace as spec.allowedNamespaces of the profile asks, or use another profile",
			c.Kind, c, namespace))
	}
	return nil
}

func matches(selector *metav1.LabelSelector, set map[string]string) (bool, error) {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return false, err
	}
	return s.Matches(labels.Set(set)), nil
}
