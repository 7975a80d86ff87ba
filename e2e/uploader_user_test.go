package e2e_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
)

const (
	writeForOwner = "umask 077; /backup write /spool/orders.dump --random=1Mi"
	writeForGroup = "umask 027; /backup write /spool/orders.dump --random=1Mi"
)

// TestUploaderReadsTheFilesOfAnotherUser has containers of several users write files that not everybody may read.
func TestUploaderReadsTheFilesOfAnotherUser(t *testing.T) {
	t.Parallel()
	e := setup(t)
	user, group := int64(1000), int64(2000)
	tests := map[string]func(*testing.T){
		"the user of the image alone, Wrap: the Job fails and says why": e.unreadableWrapped,
		"the user of the image alone, Drain: the sidecar says why":      e.unreadable,
	}
	for name, test := range map[string]struct {
		script string
		change func(*corev1.PodSpec)
		// profile is as the others' where it is nil.
		profile func(*v1alpha1.Uploader)
	}{
		"the container's runAsUser": {script: writeForOwner, change: func(s *corev1.PodSpec) {
			s.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: &user}
		}},
		"the pod's runAsUser": {script: writeForOwner, change: func(s *corev1.PodSpec) {
			s.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user}
		}},
		"root, whom the pod names": {script: writeForOwner, change: func(s *corev1.PodSpec) {
			s.Containers[0].SecurityContext = &corev1.SecurityContext{RunAsUser: new(int64(0))}
		}},
		"root, whom the image names, and the profile too": {script: writeForOwner, profile: func(u *v1alpha1.Uploader) {
			u.SecurityContext = &corev1.SecurityContext{RunAsUser: new(int64(0))}
		}},
		"fsGroup, and files for the group": {script: writeForGroup, change: func(s *corev1.PodSpec) {
			s.SecurityContext = &corev1.PodSecurityContext{FSGroup: &group}
		}},
	} {
		tests[name] = func(t *testing.T) {
			t.Helper()
			template := e.scripted(t, test.script)
			if test.change != nil {
				test.change(&template.Spec)
			}
			if test.profile == nil {
				test.profile = drained
			}
			namespace := e.uploads(t, test.profile, backups)
			if ok, log := e.job(t, namespace, template); !ok {
				t.Fatal(log)
			}
			r := &uploadRun{environment: e, pod: e.onlyPod(t, namespace)}
			r.complete(t, r.written(t))
		}
	}
	together(t, tests)
}

// unreadableSays is what the user reads: whose the file is, and what to do.
func unreadableSays(text string) bool {
	return strings.Contains(text, "orders.dump: ") && strings.Contains(text, "it belongs to user 0 and group 0, mode -rw-------") &&
		strings.Contains(text, "run both as one user, or let the group read and set fsGroup")
}

func (e *environment) unreadableWrapped(t *testing.T) {
	t.Helper()
	namespace := e.uploads(t, wrapped, backups)
	ok, log := e.job(t, namespace, e.scripted(t, writeForOwner))
	if ok || !unreadableSays(log) {
		t.Errorf("the Job's end: %v\n%s", ok, log)
	}
	r := &uploadRun{environment: e, pod: e.onlyPod(t, namespace)}
	if code := r.ended(t, "dump").ExitCode; code != 74 {
		t.Errorf("the container's exit code is %d", code)
	}
	r.incomplete(t)
}

func (e *environment) unreadable(t *testing.T) {
	t.Helper()
	namespace := e.uploads(t, drained, backups)
	if ok, log := e.job(t, namespace, e.scripted(t, writeForOwner)); !ok {
		t.Error(log)
	}
	r := &uploadRun{environment: e, pod: e.onlyPod(t, namespace)}
	if state := r.ended(t, injector.UploaderContainerName); state.ExitCode == 0 || !unreadableSays(state.Message) {
		t.Errorf("the sidecar ended with %+v", state)
	}
	r.incomplete(t)
}
