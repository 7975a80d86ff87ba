package inpod

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"lighterman.dev/lighterman/injector"
)

// pollInterval is the time between two reads of the pod.
const pollInterval = 500 * time.Millisecond

// waitUntil waits until the state of the pod is done, and notes meanwhile what the pod waits for.
func (c *diagnosis) waitUntil(ctx context.Context, pod *corev1.Pod, look func(*corev1.Pod) state) error {
	noted := map[string]bool{}
	last := "the pod starts"
	for {
		found, err := c.kube.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("%w; last seen: %s", context.Cause(ctx), last)
		case apierrors.IsForbidden(err) || apierrors.IsNotFound(err):
			return fmt.Errorf("look at the doctor's pod: %w", err)
		case err == nil:
			s := look(found)
			if s.done {
				return s.err
			}
			for _, text := range append([]string{s.waiting}, c.warningEvents(ctx, found)...) {
				if !noted[text] && text != "the pod starts" && text != "the doctor runs" {
					c.notef("waiting: %s", text)
					last = text
				}
				noted[text] = true
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollInterval):
		}
	}
}

// warningEvents returns the warnings about a pod. The kubelet reports only there that it cannot mount a volume.
func (c *diagnosis) warningEvents(ctx context.Context, pod *corev1.Pod) []string {
	list, err := c.kube.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: fields.SelectorFromSet(fields.Set{
			"involvedObject.uid": string(pod.UID), "type": corev1.EventTypeWarning,
		}).String(),
	})
	if err != nil {
		return nil // Events only make messages more exact, and the user may not be allowed to list them.
	}
	var texts []string
	for i := range list.Items {
		// Scheduling is in the pod's own status.
		if e := &list.Items[i]; e.Reason != "FailedScheduling" {
			texts = append(texts, e.Reason+": "+e.Message)
		}
	}
	return texts
}

// accountMissing is in the message of the API server's ServiceAccount plugin if the account does not exist.
const accountMissing = "error looking up service account"

// explainRejection returns an error with the cause and the cure of the API server's rejection of the pod.
func (c *diagnosis) explainRejection(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, accountMissing):
		return fmt.Errorf("there is no service account %s in namespace %s: name the one that the backup uses with "+
			"--serviceaccount, or create it", c.ServiceAccount, c.Namespace)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("there is no namespace %s: name the one that the backup runs in with --namespace", c.Namespace)
	case strings.Contains(text, "lighterman: "):
		_, sentence, _ := strings.Cut(text, "lighterman: ")
		return fmt.Errorf("the webhook denies the pod, as it would a backup's: %s", sentence)
	}
	return fmt.Errorf("create the doctor's pod: %w", err)
}

// explainNotInjected returns an error with the reason why the webhook did not inject the pod.
func (c *diagnosis) explainNotInjected(ctx context.Context, warnings []string) error {
	const problem = "the webhook did not inject the pod: "
	namespace, err := c.kube.CoreV1().Namespaces().Get(ctx, c.Namespace, metav1.GetOptions{})
	label := "its label cannot be seen"
	if err == nil {
		label = fmt.Sprintf("its label %s is %q", injector.NamespaceLabel, namespace.Labels[injector.NamespaceLabel])
	}
	switch {
	case err == nil && namespace.Labels[injector.NamespaceLabel] == "":
		return fmt.Errorf(problem+"namespace %s is not opted in: kubectl label namespace %s %s=enabled", c.Namespace,
			c.Namespace, injector.NamespaceLabel)
	case c.Profile == "" && c.ClusterProfile == "":
		return fmt.Errorf(problem+"neither --profile nor --cluster-profile is given, and no default or selector gives it "+
			"one (namespace %s: %s)", c.Namespace, label)
	}
	return fmt.Errorf(problem+"the API server did not ask it: see whether Lighterman is installed, and whether its webhook "+
		"configuration covers namespace %s (%s): kubectl get mutatingwebhookconfigurations%s",
		c.Namespace, label, strings.Join(append([]string{""}, warnings...), "\nWarning: "))
}
