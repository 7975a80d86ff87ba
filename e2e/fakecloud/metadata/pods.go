package metadata

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// ClientHeader carries the pod's address from the node to the pod that serves.
const ClientHeader = "X-Cloud-Client"

// Pods finds who asks.
type Pods struct{ Kube kubernetes.Interface }

// patience is how long the kubelet may take to tell the API server a new pod's address.
const patience = 10 * time.Second

// pod finds the pod that a request comes from. It waits for one that has only just started.
func (p Pods) pod(r *http.Request) (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	for {
		pod, err := p.at(ctx, r.Header.Get(ClientHeader))
		if err == nil {
			return pod, nil
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (p Pods) at(ctx context.Context, ip string) (*corev1.Pod, error) {
	pods, err := p.Kube.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{FieldSelector: "status.podIP=" + ip})
	if err != nil {
		return nil, fmt.Errorf("find pod at %q: %w", ip, err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		// The node's own address is that of several pods; an ended pod's address may be another's by now.
		if !pod.Spec.HostNetwork && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
			return pod, nil
		}
	}
	return nil, fmt.Errorf("find pod at %q: none runs there", ip)
}

// annotation reads one of the pod's service account.
func (p Pods) annotation(ctx context.Context, pod *corev1.Pod, key string) (string, error) {
	account, err := p.Kube.CoreV1().ServiceAccounts(pod.Namespace).Get(ctx, pod.Spec.ServiceAccountName, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("read service account %s/%s: %w", pod.Namespace, pod.Spec.ServiceAccountName, err)
	}
	return account.Annotations[key], nil
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		slog.Warn("Answer", "error", err)
	}
}
