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

// eventRecorder writes Kubernetes events. The recorder queues them, so an admission does not wait.
type eventRecorder struct {
	recorder eventsv1.EventRecorder
}

var _ Recorder = (*eventRecorder)(nil)

// RecordDenial writes an event about the profile for a pod that was denied. The pod does not exist, so it can have none.
func (e *eventRecorder) RecordDenial(profile *profile.Profile, namespace, pod string, denied *injector.DeniedError) {
	regarding := &corev1.ObjectReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: profile.Kind,
		Namespace: profile.Namespace, Name: profile.Name, UID: types.UID(profile.UID),
	}
	note := message.Shorten("pod "+namespace+"/"+message.Value(pod)+": "+denied.Error(), maxNote)
	e.recorder.Eventf(regarding, nil, corev1.EventTypeWarning, string(denied.Reason), "Deny", "%s", note)
}
