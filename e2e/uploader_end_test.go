package e2e_test

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
)

// slow makes an upload last: one part of five mebibytes after the other, at so many bytes per second.
func slow(rate string) func(*v1alpha1.Uploader) {
	return func(u *v1alpha1.Uploader) {
		u.BandwidthLimit = new(resource.MustParse(rate))
		u.PartSizeMiB, u.Concurrency = new(int32(5)), new(int32(1))
	}
}

func both(changes ...func(*v1alpha1.Uploader)) func(*v1alpha1.Uploader) {
	return func(u *v1alpha1.Uploader) {
		for _, change := range changes {
			change(u)
		}
	}
}

// A dump that is complete, and a file that is still being written. SIGTERM ends it well.
const dumpAndLog = `
trap 'echo end >&3; exit 0' TERM
exec 3>/spool/progress.log
echo begin >&3
/backup write /spool/orders.dump --random=15Mi
` + untilReleased

// What the other file may hold when the container has ended, of its own accord or not.
var wholeLog, cutLog = sum("begin\nend\n"), sum("begin\n") // Constants.

// TestUploaderAtTheEnd ends pods in every way, and the uploader with them.
func TestUploaderAtTheEnd(t *testing.T) {
	t.Parallel()
	e := setup(t)
	together(t, map[string]func(*testing.T){
		"an upload that takes longer than 30 seconds":                   e.longDrain,
		"sidecar killed, Drain":                                         e.killed(untilReleased, drained),
		"sidecar killed, Wrap":                                          e.killed("", wrapped),
		"sidecar killed after the containers have ended":                e.killedInDrain,
		"pod deleted, Drain: a container that ends well":                e.deleted(drained),
		"pod deleted, Wrap: a command that ends well":                   e.deleted(wrapped),
		"pod deleted, Wrap: a command that the signal ends":             e.deletedWrapped,
		"pod deleted with less time than the drain needs":               e.deletedAtOnce,
		"pod deleted, Drain: a container that does not heed the signal": e.deletedDeaf,
	})
}

// Kubernetes' own grace period would be over.
func (e *environment) longDrain(t *testing.T) {
	t.Helper()
	namespace := e.uploads(t, slow("160Ki"), backups)
	job := e.startJob(t, namespace, e.scripted(t, "/backup write /spool/orders.dump --random=6Mi"))
	r := e.runningUpload(t, namespace)
	main := r.ended(t, "dump").FinishedAt
	if ok, log := e.endJob(t, job); !ok {
		t.Fatal(log)
	}
	took := r.ended(t, injector.UploaderContainerName).FinishedAt.Sub(main.Time)
	if t.Logf("the drain took %v", took); took < 30*time.Second {
		t.Errorf("the drain took %v: it shows nothing", took)
	}
	r.complete(t, r.written(t))
}

// killed kills the sidecar while it uploads. Its container runs on, and with Wrap waits for it. It is started again, and
// goes on where it was.
func (e *environment) killed(script string, change func(*v1alpha1.Uploader)) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		namespace := e.uploads(t, both(slow("512Ki"), change), backups)
		job := e.startJob(t, namespace, e.scripted(t, "/backup write /spool/orders.dump --random=20Mi\n"+script))
		r := e.runningUpload(t, namespace)
		id, first := r.midway(t)
		r.onNode(t, injector.UploaderContainerName, "kill -9 $pid")
		r.until(t, "the sidecar to be started again", func() bool {
			status := r.status(injector.UploaderContainerName)
			return status.RestartCount == 1
		})
		if last := r.status(injector.UploaderContainerName).LastTerminationState.Terminated; last == nil || last.ExitCode != 137 {
			t.Errorf("the sidecar was not killed: %+v", last)
		}
		again, same := r.midway(t)
		if again != id || !same.LastModified.Equal(*first.LastModified) {
			t.Errorf("the upload %s with a part of %v has become %s with one of %v", id, first.LastModified, again, same.LastModified)
		}
		if script == untilReleased {
			r.release(t)
		}
		if ok, log := e.endJob(t, job); !ok {
			t.Fatal(log)
		}
		r.complete(t, r.written(t))
	}
}

// killedInDrain: nobody starts a sidecar again whose pod ends. Nothing of it can be seen in the store, and Kubernetes calls
// the Job complete.
func (e *environment) killedInDrain(t *testing.T) {
	t.Helper()
	namespace := e.uploads(t, slow("512Ki"), backups)
	job := e.startJob(t, namespace, e.scripted(t, "/backup write /spool/orders.dump --random=40Mi"))
	r := e.runningUpload(t, namespace)
	r.ended(t, "dump")
	r.midway(t)
	r.onNode(t, injector.UploaderContainerName, "kill -9 $pid")
	if ok, log := e.endJob(t, job); !ok {
		t.Error(log)
	}
	if code := r.ended(t, injector.UploaderContainerName).ExitCode; code != 137 {
		t.Errorf("the sidecar ended with %d", code)
	}
	r.incomplete(t)
}

// deleted deletes the pod while its container writes and the uploader uploads. What the container leaves is stored.
func (e *environment) deleted(change func(*v1alpha1.Uploader)) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		namespace := e.uploads(t, both(slow("512Ki"), change), backups)
		r := e.lasting(t, namespace, e.scripted(t, dumpAndLog))
		r.midway(t)
		r.incomplete(t)
		want := r.written(t)
		want["progress.log"] = wholeLog
		r.deletePod(t, nil)
		if state := r.ended(t, "dump"); state.ExitCode != 0 {
			t.Errorf("the container ended with %+v", state)
		}
		if state := r.ended(t, injector.UploaderContainerName); state.ExitCode != 0 {
			t.Errorf("the sidecar ended with %+v", state)
		}
		r.complete(t, want)
	}
}

// deletedWrapped: what a command wrote that failed is no backup.
func (e *environment) deletedWrapped(t *testing.T) {
	t.Helper()
	namespace := e.uploads(t, both(slow("512Ki"), wrapped), backups)
	r := e.lasting(t, namespace, e.scripted(t, strings.Replace(dumpAndLog, "trap", ": trap", 1)))
	r.midway(t)
	r.deletePod(t, nil)
	if state := r.ended(t, "dump"); state.ExitCode != 143 {
		t.Errorf("the container ended with %+v, and the command with SIGTERM", state)
	}
	state := r.ended(t, injector.UploaderContainerName)
	if state.ExitCode == 0 || !strings.Contains(state.Message, "failed with code 143") {
		t.Errorf("the sidecar ended with %+v", state)
	}
	r.incomplete(t)
	if begun := r.unfinished(t.Context(), t); len(begun) > 0 {
		t.Errorf("uploads were begun, and are not aborted: %v", begun)
	}
}

// deletedAtOnce: the kubelet kills what is left after the grace period, and says so to nobody.
func (e *environment) deletedAtOnce(t *testing.T) {
	t.Helper()
	r := e.lasting(t, e.uploads(t, slow("512Ki"), backups), e.scripted(t, dumpAndLog))
	r.midway(t)
	r.deletePod(t, new(int64(2)))
	if code := r.ended(t, injector.UploaderContainerName).ExitCode; code != 137 {
		t.Errorf("the sidecar ended with %d", code)
	}
	r.incomplete(t, wholeLog, cutLog)
}

// deletedDeaf: a shell that is a container's first process ignores SIGTERM. It may take the whole grace period, and what
// it leaves to the uploader are Kubernetes' two seconds.
func (e *environment) deletedDeaf(t *testing.T) {
	t.Helper()
	namespace := e.uploads(t, func(u *v1alpha1.Uploader) { u.DrainTimeoutSeconds = new(int64(5)) }, backups)
	template := e.scripted(t, strings.Replace(dumpAndLog, "trap", ": trap", 1))
	template.Spec.TerminationGracePeriodSeconds = new(int64(1))
	r := e.lasting(t, namespace, template)
	r.stored(t)
	want := r.written(t)
	want["progress.log"] = cutLog
	r.deletePod(t, nil)
	if code := r.ended(t, "dump").ExitCode; code != 137 {
		t.Errorf("the container ended with %d", code)
	}
	// Whether that is enough, for what the container leaves, depends on the machine.
	if r.ended(t, injector.UploaderContainerName).ExitCode == 0 {
		r.complete(t, want)
	} else {
		r.incomplete(t, want["orders.dump"], cutLog)
	}
}
