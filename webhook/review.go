package webhook

import (
	"bytes"
	"encoding/json"
	jsonv2 "encoding/json/v2"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/message"
)

// review is what the webhook reads of an admission/v1 AdmissionReview. The pod is decoded in the same pass, and only
// as far as the rules need it: that is what keeps an admission at a tenth of a millisecond.
type review struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Request    *request `json:"request"`
}

// request is what the webhook reads of an AdmissionRequest.
type request struct {
	UID         string                  `json:"uid"`
	Kind        metav1.GroupVersionKind `json:"kind"`
	SubResource string                  `json:"subResource"`
	Namespace   string                  `json:"namespace"`
	Operation   admissionv1.Operation   `json:"operation"`
	DryRun      bool                    `json:"dryRun"`
	Object      injector.Pod            `json:"object"`

	// proven: the review comes from the API server. Only such a review may cause a write, or a read of the API server.
	proven bool
	// cached: the caches decide the review, and the API server may decide it once more.
	cached bool
	// source is the sender's address, for the log.
	source string
}

// podName is the pod's name for people, and no longer than a name can be: nothing has checked it yet. A pod that is to be named by the API server has only the beginning of one.
func (r *request) podName() string {
	if r.Object.Metadata.Name != "" {
		return message.Value(r.Object.Metadata.Name)
	}
	return message.Value(r.Object.Metadata.GenerateName) + "*"
}

// parseReview decodes a review and checks that it is about the creation of a pod.
func parseReview(body []byte) (*request, error) {
	var r review
	if err := jsonv2.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("the body is not an AdmissionReview of a pod: %s", message.Shorten(err.Error(), 512))
	}
	switch {
	case r.APIVersion != admissionv1.SchemeGroupVersion.String() || r.Kind != "AdmissionReview":
		return nil, fmt.Errorf(
			"the body is %s %s: only %s AdmissionReview is understood", message.Quote(r.APIVersion), message.Quote(r.Kind),
			admissionv1.SchemeGroupVersion,
		)
	case r.Request == nil || r.Request.UID == "":
		return nil, fmt.Errorf("the review has no request, or the request no uid")
	}
	return r.Request, nil
}

// checkKind refuses requests for which the webhook is not made: the webhook configuration sends none of them.
func (r *request) checkKind() error {
	pod := metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}
	if r.Kind != pod || r.SubResource != "" || r.Operation != admissionv1.Create {
		return fmt.Errorf("%s of %s %s: only the creation of v1 Pods is handled: correct the rules of the webhook configuration",
			message.Value(string(r.Operation)), message.Value(r.Kind.String()), message.Value(r.SubResource))
	}
	if r.Namespace == "" {
		return fmt.Errorf("the request has no namespace")
	}
	if problems := validation.IsDNS1123Label(r.Namespace); len(problems) > 0 {
		return fmt.Errorf("the request's namespace is %s, which no namespace can be called", message.Quote(r.Namespace))
	}
	return nil
}

func encodeReview(to *bytes.Buffer, response *admissionv1.AdmissionResponse) error {
	to.Reset()
	err := json.NewEncoder(to).Encode(&admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "AdmissionReview"},
		Response: response,
	})
	if err != nil {
		return fmt.Errorf("encode review: %w", err)
	}
	return nil
}
