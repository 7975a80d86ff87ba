package inpod

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func containers(states ...corev1.ContainerState) corev1.PodStatus {
	status := corev1.PodStatus{Phase: corev1.PodPending}
	for i, s := range states {
		status.ContainerStatuses = append(status.ContainerStatuses, corev1.ContainerStatus{Name: []string{containerName, "proxy"}[i], State: s})
	}
	return status
}

func ending(code int32, text string) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error", Message: text}}
}

func waits(reason, text string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: text}}
}

// TestStates has the statuses that no test on a cluster brings about.
func TestStates(t *testing.T) {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	first := corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{Name: "lighterman-ca-bundle", State: ending(1, "no PEM")}}}
	unscheduled := corev1.PodStatus{Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes are available",
	}}}
	for name, test := range map[string]struct {
		look   func(*corev1.Pod) state
		status corev1.PodStatus
		done   bool
		says   string
	}{
		"nothing is known yet":            {stateBeforeReport, corev1.PodStatus{}, false, "the pod starts"},
		"no node has room":                {stateBeforeReport, unscheduled, false, "not scheduled: 0/3 nodes are available"},
		"an image that is pulled":         {stateBeforeReport, containers(waits("ContainerCreating", "")), false, "the pod starts"},
		"an image that may come yet":      {stateBeforeReport, containers(waits("ErrImagePull", "timeout")), false, "container doctor: ErrImagePull timeout"},
		"an image that does not come":     {stateBeforeReport, containers(waits("ImagePullBackOff", "Back-off")), true, "cannot start: ImagePullBackOff: Back-off: make the image available"},
		"a Secret that is missing":        {stateBeforeReport, containers(waits("CreateContainerConfigError", `secret "s3" not found`)), true, `secret "s3" not found: create what is missing`},
		"a sidecar of others that is not": {stateBeforeReport, containers(waits("ContainerCreating", ""), waits("CrashLoopBackOff", "back-off")), true, "container proxy cannot start"},
		"an init container that fails":    {stateBeforeReport, first, true, "container lighterman-ca-bundle, which runs before the doctor, ended with code 1: no PEM"},
		"it speaks":                       {stateBeforeReport, containers(running), true, ""},
		"it has spoken":                   {stateBeforeReport, containers(ending(1, "")), true, ""},
		"it was evicted":                  {stateBeforeReport, corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "low on memory"}, true, "has ended: Evicted low on memory"},
		"it runs":                         {stateAfterReport, containers(running), false, "the doctor runs"},
		"all is well":                     {stateAfterReport, containers(ending(0, "")), true, ""},
		"all is well beside a proxy":      {stateAfterReport, containers(ending(0, ""), running), true, ""},
		"not all is well":                 {stateAfterReport, containers(ending(1, "")), true, ErrUnwell.Error()},
		"it had too little memory":        {stateAfterReport, containers(ending(137, "")), true, "ended with code 137: Error"},
		"its deadline has come":           {stateAfterReport, corev1.PodStatus{Phase: corev1.PodFailed, Reason: "DeadlineExceeded"}, true, "DeadlineExceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			s := test.look(&corev1.Pod{Status: test.status})
			text := s.waiting
			if s.err != nil {
				text = s.err.Error()
			}
			if s.done != test.done || !strings.Contains(text, test.says) || (test.says == "") != (text == "") {
				t.Errorf("done: %v, %q; want %v, %q", s.done, text, test.done, test.says)
			}
		})
	}
	now := metav1.Now()
	if s := stateBeforeReport(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}}); !s.done || s.err == nil {
		t.Errorf("a pod that is deleted: %+v", s)
	}
	if s := stateAfterReport(&corev1.Pod{Status: containers(ending(1, ""))}); !errors.Is(s.err, ErrUnwell) {
		t.Errorf("got %v", s.err)
	}
}
