package inpod

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/internal/exitcode"
)

// state is what a pod's status says of the doctor.
type state struct {
	// done: there is nothing to wait for. err is what came of it.
	done bool
	err  error
	// waiting says why it is not done yet, for people.
	waiting string
}

// final are the reasons for which a container waits that do not heal by themselves, with what to do.
var final = map[string]string{
	"ImagePullBackOff":           "make the image available to the nodes, or name another with --image; a private registry needs imagePullSecrets at the service account",
	"InvalidImageName":           "correct the image: the chart's uploader.image, or --image",
	"ErrImageNeverPull":          "load the image onto the nodes, or change the pull policy",
	"CreateContainerConfigError": "create what is missing, or correct its name in the profile",
	"CreateContainerError":       "look at the message",
	"RunContainerError":          "look at the message: an image named with --image must be the uploader's",
	"CrashLoopBackOff":           "look at the container's log: kubectl logs would show it",
}

// begun is done when the doctor speaks, or never will.
func begun(pod *corev1.Pod) state {
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		switch {
		case s.State.Waiting != nil && final[s.State.Waiting.Reason] != "":
			return state{done: true, err: fmt.Errorf("container %s cannot start: %s: %s: %s", s.Name, s.State.Waiting.Reason,
				s.State.Waiting.Message, final[s.State.Waiting.Reason])}
		case s.Name == containerName && (s.State.Running != nil || s.State.Terminated != nil):
			return state{done: true}
		case s.State.Terminated != nil && s.State.Terminated.ExitCode != 0:
			return state{done: true, err: fmt.Errorf("container %s, which runs before the doctor, ended with code %d: %s", s.Name,
				s.State.Terminated.ExitCode, s.State.Terminated.Message)}
		}
	}
	if err := over(pod); err != nil {
		return state{done: true, err: err}
	}
	return state{waiting: waiting(pod)}
}

// ended is done when the doctor has ended.
func ended(pod *corev1.Pod) state {
	for _, s := range pod.Status.ContainerStatuses {
		if t := s.State.Terminated; s.Name == containerName && t != nil {
			return state{done: true, err: verdict(t)}
		}
	}
	if err := over(pod); err != nil {
		return state{done: true, err: err}
	}
	return state{waiting: "the doctor runs"}
}

// verdict returns what the exit code of "uploader doctor" means.
func verdict(t *corev1.ContainerStateTerminated) error {
	switch t.ExitCode {
	case 0:
		return nil
	case exitcode.Failed:
		return ErrUnwell
	}
	return fmt.Errorf("the doctor was ended with code %d: %s %s", t.ExitCode, t.Reason, t.Message)
}

// over says why a pod has ended without the doctor.
func over(pod *corev1.Pod) error {
	if pod.DeletionTimestamp != nil {
		return errors.New("somebody deletes the doctor's pod")
	}
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return fmt.Errorf("the doctor's pod has ended: %s %s", pod.Status.Reason, pod.Status.Message)
	}
	return nil
}

// waiting says what the pod waits for.
func waiting(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return "not scheduled: " + c.Message
		}
	}
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if w := s.State.Waiting; w != nil && w.Reason != "PodInitializing" && w.Reason != "ContainerCreating" {
			return fmt.Sprintf("container %s: %s %s", s.Name, w.Reason, w.Message)
		}
	}
	return "the pod starts"
}
