package certs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
)

// outageWatch follows how many replicas of the webhook are ready. While none is, API servers print the webhook's path in
// the errors that they answer pods' creators, so that it is replaced afterwards.
type outageWatch struct {
	factory informers.SharedInformerFactory // nil: no Deployment is watched
	log     logr.Logger

	mu   sync.Mutex
	down bool
	end  time.Time
}

func newOutageWatch(
	client kubernetes.Interface, o IssuerOptions, log logr.Logger, changed func(),
) (*outageWatch, error) {
	w := &outageWatch{log: log}
	if o.Deployment == "" {
		return w, nil
	}
	w.factory = newFactory(client, o.Namespace, o.Deployment)
	informer := w.factory.Apps().V1().Deployments().Informer()
	if err := informer.SetTransform(keepReadiness); err != nil {
		return nil, fmt.Errorf("watch the webhook's Deployment: %w", err)
	}
	_, err := newWatch(fmt.Sprintf("Deployment %s/%s", o.Namespace, o.Deployment), informer, func(d *appsv1.Deployment) {
		if w.recordReadiness(d != nil && d.Status.ReadyReplicas > 0, time.Now()) {
			changed()
		}
	})
	return w, err
}

// keepReadiness removes from a Deployment all that recordReadiness does not use.
func keepReadiness(o any) (any, error) {
	d, ok := o.(*appsv1.Deployment)
	if !ok {
		return o, nil
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Name, UID: d.UID, ResourceVersion: d.ResourceVersion},
		Status:     appsv1.DeploymentStatus{ReadyReplicas: d.Status.ReadyReplicas},
	}, nil
}

// recordReadiness records whether a replica is ready, and reports whether an outage has ended.
func (w *outageWatch) recordReadiness(ready bool, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	ended := w.down && ready
	if ended {
		w.end = now
		w.log.Info("replace the webhook's path", "reason", "no replica was ready, and API servers may have printed it")
	}
	w.down = !ready
	return ended
}

// lastOutageEnd returns when the last outage ended, zero when none was seen.
func (w *outageWatch) lastOutageEnd() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.end
}

// startWatching begins to watch the Deployment, if there is one.
func (w *outageWatch) startWatching(ctx context.Context) {
	if w.factory != nil {
		w.factory.StartWithContext(ctx)
	}
}

// stopWatching waits until the informers have ended.
func (w *outageWatch) stopWatching() {
	if w.factory != nil {
		w.factory.Shutdown()
	}
}
