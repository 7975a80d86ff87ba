package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-logr/logr"

	"lighterman.dev/lighterman/webhook/caller"
	"lighterman.dev/lighterman/webhook/resolve"
)

// Gate decides which reviews are looked at. Its zero value answers reviews of any sender, and causes no write and no
// read of the API server for them.
type Gate struct {
	// Callers authenticates the API server.
	Callers *caller.Authenticator
	// ReleaseNamespace is Lighterman's own: no pod of it is injected.
	ReleaseNamespace string
	// NamedAccountsOnly: an admission writes no service account, even for the API server. The elected replica annotates
	// the accounts that profiles name.
	NamedAccountsOnly bool
	// ReadOnly: nothing at all is written, no status of profiles and no event either.
	ReadOnly bool

	metrics *Metrics
	log     *caller.RefusalLog
}

// prepare returns the gate with its metrics and log, and logs that no sender can be authenticated where that is so.
func (g Gate) prepare(metrics *Metrics, log logr.Logger) Gate {
	g.metrics, g.log = metrics, caller.NewRefusalLog(log)
	metrics.showMethods(g.Callers.InForce())
	if g.Callers.AnswersUnproven() {
		g.NamedAccountsOnly = true
		log.Info("cannot tell the API server from other callers: their reviews are decided by the caches alone, " +
			"and write nothing; see \"Who may call the webhook\" in docs/security.md")
	}
	return g
}

// errOutOfScope reports that a review is about a pod that the webhook configuration never sends.
var errOutOfScope = errors.New("out of scope")

// scopeError is an errOutOfScope for the log and the metric; the answer contains neither.
type scopeError struct{ reason, detail string }

func (e *scopeError) Error() string { return e.detail }

func (e *scopeError) Is(target error) bool { return target == errOutOfScope }

// checkScope refuses pods that the webhook configuration does not send: their sender is not the API server, or
// the configuration was changed.
func (h *Handler) checkScope(ctx context.Context, req *request) error {
	if resolve.IsSystemNamespace(req.Namespace, h.Gate.ReleaseNamespace) {
		return &scopeError{reasonSystemNamespace, "the review is about a pod of a system namespace"}
	}
	namesProfile := resolve.NamesProfile(&req.Object.Metadata)
	sources := []resolve.Source{h.Cached, h.Live} // The namespace may have been labelled just now.
	if !req.proven {
		sources = []resolve.Source{h.CacheOnly}
	}
	for _, source := range sources {
		namespace, err := source.Namespace(ctx, req.Namespace)
		if err != nil && !errors.Is(err, resolve.ErrNotFound) {
			return fmt.Errorf("find namespace %s: %w", req.Namespace, err)
		}
		if err == nil && resolve.OptsIn(namespace.Labels, namesProfile) {
			return nil
		}
	}
	return &scopeError{reasonNotOptedIn, "the review is about a pod whose namespace does not send it"}
}

// refuseCaller answers a request that does not come from the API server.
func (g *Gate) refuseCaller(w http.ResponseWriter, r *http.Request, v caller.Verdict) {
	g.countRefusal(r.RemoteAddr, v.Reason, v.Detail)
	caller.Refuse(w)
}

// refuseOutOfScope counts a review that is out of scope.
func (g *Gate) refuseOutOfScope(req *request, err error) {
	if scope, ok := errors.AsType[*scopeError](err); ok {
		g.countRefusal(req.source, scope.reason, scope.detail)
	}
}

func (g *Gate) countRefusal(source, reason, detail string) {
	g.metrics.countRefusal(reason)
	g.log.LogRefusal(source, reason, detail)
}
