package webhook

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/webhook/resolve"
)

// admit decides by the caches. It decides once more by the API server where a denial does not follow from the pod alone:
// see denialBasis. It decides a review whose sender is not proven by the caches alone.
func (h *Handler) admit(ctx context.Context, req *request) (outcome, error) {
	if err := h.checkScope(ctx, req); err != nil {
		return outcome{}, err
	}
	if !req.proven {
		return h.decide(ctx, h.CacheOnly, req)
	}
	req.cached = true
	out, err := h.decide(ctx, h.Cached, req)
	req.cached = false
	if shouldRetryLive(err) {
		return h.decide(ctx, h.Live, req)
	}
	return out, err
}

// decide resolves the pod's profile, once, and injects the pod with it.
func (h *Handler) decide(ctx context.Context, source resolve.Source, req *request) (outcome, error) {
	resolution, err := resolve.Profile(ctx, source, &req.Object, req.Namespace)
	out := outcome{profile: resolution.Profile}
	switch {
	case err != nil || resolution.OptedOut:
		return out, err
	case out.profile == nil:
		return out, denyForeignRecord(&req.Object.Metadata)
	}
	out.result, err = injector.Inject(&req.Object, out.profile, h.Settings)
	out.injected = len(out.result.Operations) > 0
	if err != nil {
		return out, err
	}
	if req.cached && (out.result.Replaced || !matchesRecord(&req.Object.Metadata, out.profile)) {
		return out, errOtherRecord
	}
	account := types.NamespacedName{Namespace: req.Namespace, Name: req.Object.ServiceAccount()}
	if !req.proven || h.Gate.NamedAccountsOnly {
		return out, h.Annotator.Check(ctx, account, out.profile, req.proven)
	}
	return out, h.Annotator.Ensure(ctx, account, out.profile, req.DryRun)
}

// denyForeignRecord denies a pod that gets no profile and carries the record of an injection: readers of the record would
// believe it. The admission policy cannot, for in a namespace labelled "selected" it does not know what matched.
func denyForeignRecord(pod *injector.Metadata) error {
	if _, ok := pod.Annotations[injector.AnnotationInjected]; !ok {
		return nil
	}
	return injector.Deny(injector.ReasonCollision, fmt.Sprintf(
		"metadata.annotations[%s]: only Lighterman writes this annotation, and no profile names or selects the pod: remove it, and what a former injection left in the pod",
		injector.AnnotationInjected))
}
