package webhook

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	eventsv1 "k8s.io/client-go/tools/events"

	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	"lighterman.dev/lighterman/internal/message"
	"lighterman.dev/lighterman/profile"
)

// maxNote is the API's limit for an event's note, in bytes (k8s.io/kubernetes v1.37 pkg/apis/core/validation/events.go).
const maxNote = 1024

// events writes Kubernetes events. The recorder queues them, so an admission does not wait.
type events struct {
	recorder eventsv1.EventRecorder
}

var _ Recorder = (*events)(nil)

// Denied tells at the profile that a pod was denied. The pod does not exist, so nothing can be told there.
func (e *events) Denied(profile *profile.Profile, namespace, pod string, denied *injector.DeniedError) {
	regarding := &corev1.ObjectReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: profile.Kind,
		Namespace: profile.Namespace, Name: profile.Name, UID: types.UID(profile.UID),
	}
	note := message.Shorten("pod "+namespace+"/"+message.Value(pod)+": "+denied.Error(), maxNote)
	e.recorder.Eventf(regarding, nil, corev1.EventTypeWarning, string(denied.Reason), "Deny", "%s", note)
}
