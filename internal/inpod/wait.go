package inpod

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"lighterman.dev/lighterman/injector"
)

// interval is how often the pod is looked at.
const interval = 500 * time.Millisecond

// until waits until the pod is where it should be, and tells meanwhile what it waits for.
func (c *call) until(ctx context.Context, pod *corev1.Pod, look func(*corev1.Pod) state) error {
	told := map[string]bool{}
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
			for _, text := range append([]string{s.waiting}, c.events(ctx, found)...) {
				if !told[text] && text != "the pod starts" && text != "the doctor runs" {
					c.note("waiting: %s", text)
					last = text
				}
				told[text] = true
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(interval):
		}
	}
}

// events are the warnings about a pod: only there the kubelet says that it cannot mount a volume.
func (c *call) events(ctx context.Context, pod *corev1.Pod) []string {
	list, err := c.kube.CoreV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{FieldSelector: fields.SelectorFromSet(fields.Set{
		"involvedObject.uid": string(pod.UID), "type": corev1.EventTypeWarning,
	}).String()})
	if err != nil {
		return nil // They help, and may be out of bounds.
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

// accountMissing is what the API server's own plugin says of a pod whose service account is not there.
const accountMissing = "error looking up service account"

// refused explains why the API server does not take the pod.
func (c *call) refused(err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, accountMissing):
		return fmt.Errorf("there is no service account %s in namespace %s: name the one that the backup uses with --serviceaccount, or create it", c.ServiceAccount, c.Namespace)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("there is no namespace %s: name the one that the backup runs in with --namespace", c.Namespace)
	case strings.Contains(text, "lighterman: "):
		_, sentence, _ := strings.Cut(text, "lighterman: ")
		return fmt.Errorf("the webhook denies the pod, as it would a backup's: %s", sentence)
	}
	return fmt.Errorf("create the doctor's pod: %w", err)
}

// notInjected says why the webhook has let the pod through.
func (c *call) notInjected(ctx context.Context, warnings []string) error {
	const asked = "the webhook did not inject the pod: "
	namespace, err := c.kube.CoreV1().Namespaces().Get(ctx, c.Namespace, metav1.GetOptions{})
	label := "its label cannot be seen"
	if err == nil {
		label = fmt.Sprintf("its label %s is %q", injector.NamespaceLabel, namespace.Labels[injector.NamespaceLabel])
	}
	switch {
	case err == nil && namespace.Labels[injector.NamespaceLabel] == "":
		return fmt.Errorf(asked+"namespace %s is not opted in: kubectl label namespace %s %s=enabled", c.Namespace, c.Namespace, injector.NamespaceLabel)
	case c.Profile == "" && c.ClusterProfile == "":
		return fmt.Errorf(asked+"neither --profile nor --cluster-profile is given, and no default or selector gives it one (namespace %s: %s)", c.Namespace, label)
	}
	return errors.New(asked + "the API server did not ask it: see whether Lighterman is installed, and whether its webhook configuration covers namespace " +
		c.Namespace + " (" + label + "): kubectl get mutatingwebhookconfigurations" + strings.Join(append([]string{""}, warnings...), "\nWarning: "))
}
