package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/go-logr/logr"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
	"lighterman.dev/lighterman/webhook/caller"
	"lighterman.dev/lighterman/webhook/resolve"
	"lighterman.dev/lighterman/webhook/serviceaccounts"
)

// Path is where the API server posts its reviews, or what such a path begins with: see package caller.
const Path = caller.Path

// answerTimeout is the timeout of the webhook configuration: the API server waits no longer.
const answerTimeout = 5 * time.Second

// maxMessage is the length of the longest answer: a denial, with what stands in front of it.
const maxMessage = 5 << 10

// maxPatch is the size of the largest patch. The injector denies before such a patch is built what grows with the number of
// containers; this is for all that it adds once.
const maxPatch = 1 << 20

// Handler answers admission reviews of pods.
type Handler struct {
	// Cached and Live find profiles and namespaces: in the informers' caches, and at the API server.
	Cached, Live resolve.Source
	// CacheOnly finds them without any I/O, for reviews whose sender is not proven.
	CacheOnly resolve.Source
	Settings  injector.Settings
	// Gate distinguishes the API server's reviews from others.
	Gate Gate
	// Annotator annotates the pods' service accounts. Nil where the settings disable that.
	Annotator *serviceaccounts.Annotator
	Metrics   *Metrics
	// Events records, at the profile, pods that were denied. Nil: it records none.
	Events Recorder
	Log    logr.Logger

	memory memoryBudget
	lines  lineLimit
}

// Recorder writes an event about a profile. It must not wait for the API server.
type Recorder interface {
	RecordDenial(profile *profile.Profile, namespace, pod string, denied *injector.DeniedError)
}

// outcome is what became of one request.
type outcome struct {
	profile  *profile.Profile
	result   injector.Result
	injected bool
}

// scratch is the memory of one request: its body, the patch, and the response.
type scratch struct{ body, patch, response bytes.Buffer }

// maxPooledBuffer is the size of the largest buffer whose memory is kept for another request.
const maxPooledBuffer = 64 << 10

// scratchPool keeps the memory of requests that have been answered: nothing that is decoded refers to it.
var scratchPool = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) releaseToPool() {
	if max(s.body.Cap(), s.patch.Cap(), s.response.Cap()) <= maxPooledBuffer {
		scratchPool.Put(s)
	}
}

// ServeHTTP reads a review, has it admitted, and writes the response. What cannot be read is answered with a 4xx
// status, and no input ends the process.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	defer func() {
		if fault := recover(); fault != nil {
			h.Log.Error(fmt.Errorf("panic: %v", fault), "answer review", "stack", string(debug.Stack()))
			h.Metrics.observeReview(start, outcomeError, reasonPanic)
			writeFailure(w, http.StatusInternalServerError, errors.New("internal error: see the log of Lighterman"))
		}
	}()
	verdict := h.Gate.Callers.Authenticate(r)
	if verdict.Trust == caller.Refused {
		h.Gate.refuseCaller(w, r, verdict)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	room := h.memory.newShare()
	defer room.release()
	s := scratchPool.Get().(*scratch)
	defer s.releaseToPool()
	err := readBody(&s.body, w, r, &room)
	if err == nil {
		err = room.acquireReview(ctx, s.body.Bytes())
	}
	if err != nil {
		h.refuseBody(w, start, s.body.Bytes(), err)
		return
	}
	req, err := parseReview(s.body.Bytes())
	if err != nil {
		h.Metrics.observeReview(start, outcomeError, reasonBadRequest)
		writeFailure(w, http.StatusBadRequest, err)
		return
	}
	req.proven, req.source = verdict.Trust == caller.Proven, r.RemoteAddr
	h.Metrics.countCaller(verdict.Method)
	response := h.respond(ctx, start, req, &s.patch, &room)
	response.UID = types.UID(req.UID)
	if err := encodeReview(&s.response, response); err != nil {
		writeFailure(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout)) // As the deadline of the body.
	if _, err := w.Write(s.response.Bytes()); err != nil {
		h.lines.logFor(h.Log, req).Error(err, "write response")
	}
}

// respond admits, counts and logs. The patch is written to the buffer, which the response then refers to.
func (h *Handler) respond(
	ctx context.Context, start time.Time, req *request, patch *bytes.Buffer, room *share,
) *admissionv1.AdmissionResponse {
	if err := req.checkKind(); err != nil {
		h.Metrics.observeReview(start, outcomeError, reasonBadRequest)
		return failureResponse(http.StatusBadRequest, err)
	}
	out, err := h.admit(ctx, req)
	var response *admissionv1.AdmissionResponse
	if err == nil {
		response, err = allowResponse(ctx, &out, patch, room)
	}
	var denied *injector.DeniedError
	switch {
	case errors.Is(err, errOutOfScope):
		h.Gate.refuseOutOfScope(req, err)
		return failureResponse(http.StatusForbidden, errors.New(caller.Message))
	case errors.As(err, &denied):
		h.Metrics.observeReview(start, outcomeDenied, string(denied.Reason))
		h.lines.logFor(h.Log, req).Info("deny pod", "reason", denied.Reason, "message", denied.Error())
		if h.Events != nil && out.profile != nil && !req.DryRun && req.proven {
			h.Events.RecordDenial(out.profile, req.Namespace, req.podName(), denied)
		}
		return failureResponse(http.StatusForbidden, err)
	case errors.Is(err, errBusy):
		h.Metrics.observeReview(start, outcomeError, reasonBusy)
		return failureResponse(http.StatusTooManyRequests, err)
	case err != nil:
		h.Metrics.observeReview(start, outcomeError, reasonInternal)
		h.lines.logFor(h.Log, req).Error(err, "admit pod")
		return failureResponse(http.StatusInternalServerError, err)
	}
	h.Metrics.countAdmission(start, &out)
	if out.injected && h.Log.V(1).Enabled() {
		h.lines.logFor(h.Log.V(1), req).Info("inject pod",
			"profile", out.profile.String(), "operations", len(out.result.Operations))
	}
	return response
}

// allowResponse returns the response that admits the pod, whose patch is encoded into the buffer.
func allowResponse(
	ctx context.Context, out *outcome, patch *bytes.Buffer, room *share,
) (*admissionv1.AdmissionResponse, error) {
	response := &admissionv1.AdmissionResponse{Allowed: true, Warnings: out.result.Warnings}
	if out.profile != nil {
		response.AuditAnnotations = map[string]string{"profile": out.profile.Kind + " " + out.profile.String()}
	}
	if len(out.result.Operations) == 0 {
		return response, nil
	}
	if err := room.acquirePatch(ctx, out.result.Size); err != nil {
		return nil, err
	}
	if err := encodePatch(patch, out.result.Operations); err != nil {
		return nil, err
	}
	if patch.Len() > maxPatch {
		return nil, injector.Deny(injector.ReasonTooLarge, fmt.Sprintf(
			"what the pod would be given has %d KiB, and more than %d KiB cannot be stored together with the pod: shorten spec.env and spec.uploader of %s %s",
			patch.Len()>>10, maxPatch>>10, out.profile.Kind, out.profile))
	}
	jsonPatch := admissionv1.PatchTypeJSONPatch
	response.Patch, response.PatchType = patch.Bytes(), &jsonPatch
	return response, nil
}

// statusReasons are those of the statuses that a failed review is answered with.
var statusReasons = map[int32]metav1.StatusReason{
	http.StatusBadRequest:            metav1.StatusReasonBadRequest,
	http.StatusForbidden:             metav1.StatusReasonForbidden,
	http.StatusRequestTimeout:        metav1.StatusReasonTimeout,
	http.StatusRequestEntityTooLarge: metav1.StatusReasonRequestEntityTooLarge,
	http.StatusTooManyRequests:       metav1.StatusReasonTooManyRequests,
}

func failureResponse(code int32, err error) *admissionv1.AdmissionResponse {
	reason, ok := statusReasons[code]
	if !ok {
		reason = metav1.StatusReasonInternalError
	}
	return &admissionv1.AdmissionResponse{Result: &metav1.Status{
		Status: metav1.StatusFailure, Code: code, Reason: reason,
		Message: message.Shorten("lighterman: "+err.Error(), maxMessage),
	}}
}

// writeFailure answers a request that is no review that could be answered.
func writeFailure(w http.ResponseWriter, status int, err error) {
	writeReviewFailure(w, status, "", err)
}

// writeReviewFailure answers a review that was not read whole. With a uid the answer is a review, else a status of HTTP alone.
func writeReviewFailure(w http.ResponseWriter, status int, uid string, err error) {
	response := failureResponse(int32(status), err) //nolint:gosec // an HTTP status fits
	if uid != "" {
		response.UID, status = types.UID(uid), http.StatusOK
	}
	var body bytes.Buffer
	if encodeErr := encodeReview(&body, response); encodeErr != nil {
		http.Error(w, err.Error(), status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // Where that fails, the client has gone.
}
