package inpod

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"lighterman.dev/lighterman/internal/exitcode"
)

// state is the progress of the doctor, as far as the pod's status shows it.
type state struct {
	// done reports whether there is nothing left to wait for; err is then the result.
	done bool
	err  error
	// waiting is the reason why the doctor is not done.
	waiting string
}

// finalReasons maps the reasons of a waiting container that do not go away by themselves to their cures.
var finalReasons = map[string]string{
	"ImagePullBackOff": "make the image available to the nodes, or name another with --image; a private registry needs " +
		"imagePullSecrets at the service account",
	"InvalidImageName":           "correct the image: the chart's uploader.image, or --image",
	"ErrImageNeverPull":          "load the image onto the nodes, or change the pull policy",
	"CreateContainerConfigError": "create what is missing, or correct its name in the profile",
	"CreateContainerError":       "look at the message",
	"RunContainerError":          "look at the message: an image named with --image must be the uploader's",
	"CrashLoopBackOff":           "look at the container's log: kubectl logs would show it",
}

// stateBeforeReport returns the state of a pod that is done when the doctor has begun its report, or cannot.
func stateBeforeReport(pod *corev1.Pod) state {
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		switch {
		case s.State.Waiting != nil && finalReasons[s.State.Waiting.Reason] != "":
			return state{done: true, err: fmt.Errorf("container %s cannot start: %s: %s: %s", s.Name, s.State.Waiting.Reason,
				s.State.Waiting.Message, finalReasons[s.State.Waiting.Reason])}
		case s.Name == containerName && (s.State.Running != nil || s.State.Terminated != nil):
			return state{done: true}
		case s.State.Terminated != nil && s.State.Terminated.ExitCode != 0:
			return state{done: true, err: fmt.Errorf("container %s, which runs before the doctor, ended with code %d: %s",
				s.Name, s.State.Terminated.ExitCode, s.State.Terminated.Message)}
		}
	}
	if err := prematureEnd(pod); err != nil {
		return state{done: true, err: err}
	}
	return state{waiting: waitingReason(pod)}
}

// stateAfterReport returns the state of a pod that is done when the doctor has ended.
func stateAfterReport(pod *corev1.Pod) state {
	for _, s := range pod.Status.ContainerStatuses {
		if t := s.State.Terminated; s.Name == containerName && t != nil {
			return state{done: true, err: exitError(t)}
		}
	}
	if err := prematureEnd(pod); err != nil {
		return state{done: true, err: err}
	}
	return state{waiting: "the doctor runs"}
}

// exitError returns the error that the exit code of "uploader doctor" stands for.
func exitError(t *corev1.ContainerStateTerminated) error {
	switch t.ExitCode {
	case 0:
		return nil
	case exitcode.Failed:
		return ErrUnwell
	}
	return fmt.Errorf("the doctor was ended with code %d: %s %s", t.ExitCode, t.Reason, t.Message)
}

// prematureEnd returns why the pod has ended, or will end, without the doctor.
func prematureEnd(pod *corev1.Pod) error {
	if pod.DeletionTimestamp != nil {
		return errors.New("somebody deletes the doctor's pod")
	}
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return fmt.Errorf("the doctor's pod has ended: %s %s", pod.Status.Reason, pod.Status.Message)
	}
	return nil
}

// waitingReason returns what the pod waits for.
func waitingReason(pod *corev1.Pod) string {
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
