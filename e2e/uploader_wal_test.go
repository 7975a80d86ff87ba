package e2e_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"lighterman.dev/lighterman/api/v1alpha1"
	"lighterman.dev/lighterman/injector"
	uploads "lighterman.dev/lighterman/uploader/manifest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// archive writes segments as an archive_command does, half of them by way of another directory and half by way of a
	// temporary name, until it is told to end: then it writes the last one. How many there are is its termination message.
	archive = `
trap 'stop=1' TERM
mkdir /spool/wal /spool/archive
segment() {
	name=$(printf %024X $n)
	half=$([ $((n % 2)) = 0 ] && echo wal/$name || echo archive/$name.partial)
	yes $name | head -c 65536 >/spool/$half
	mv /spool/$half /spool/archive/$name
	n=$((n + 1))
	echo $n written, $(ls /spool/archive | wc -l) there
}
n=0 stop=
while [ ! "$stop" ]; do
	segment
	sleep 0.5
done
segment
echo $n >/dev/termination-log
`
	segmentSize = 65536
)

// TestUploaderOfAnArchive has a Deployment write files for as long as it runs.
func TestUploaderOfAnArchive(t *testing.T) {
	t.Parallel()
	e := setup(t)
	together(t, map[string]func(*testing.T){
		"Keep":   e.archived(drained, 0),
		"Delete": e.archived(func(u *v1alpha1.Uploader) { u.AfterUpload = "Delete" }, 5),
	})
}

// archived waits until at least so many files have gone from the spool, before it ends the Deployment.
func (e *environment) archived(change func(*v1alpha1.Uploader), gone int) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		namespace := e.uploads(t, both(change, func(u *v1alpha1.Uploader) { u.Include = []string{"archive/*"} }), backups)
		template := e.scripted(t, archive)
		template.Spec.RestartPolicy = corev1.RestartPolicyAlways
		template.Finalizers = []string{lastingFinalizer}
		// With the image's user alone the sidecar could read the files, and could not delete them.
		template.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: new(int64(70))}
		deployment := &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "database", Namespace: namespace},
			Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: template.Labels}, Template: template},
		}
		e.create(t, deployment)
		r := e.runningUpload(t, namespace)
		r.letGo(t)

		var first *uploads.Manifest
		renewed := func(files int) *uploads.Manifest {
			var m *uploads.Manifest
			waitFor(t, "a manifest of more files", patience, func(ctx context.Context) (bool, string) {
				var err error
				m, err = r.manifest(ctx)
				return m != nil && len(m.Files) >= files, fmt.Sprintf("%+v %v", m, err)
			})
			return m
		}
		first = renewed(1)
		second := renewed(len(first.Files) + 5)
		if first.Final || second.Final || !second.Written.After(first.Written) {
			t.Errorf("manifests of a pod that runs on: %+v %+v", first, second)
		}
		waitFor(t, "the spool to be emptied", patience, func(ctx context.Context) (bool, string) {
			written, there := r.archiveState(ctx, t)
			return there <= written-gone, fmt.Sprintf("of %d files %d are there", written, there)
		})

		if err := e.client.Patch(t.Context(), deployment, client.RawPatch(mergePatch, []byte(`{"spec":{"replicas":0}}`))); err != nil {
			t.Fatal(err)
		}
		state := r.ended(t, "dump")
		n, err := strconv.Atoi(strings.TrimSpace(state.Message))
		if err != nil || state.ExitCode != 0 {
			t.Fatalf("the container ended with %+v", state)
		}
		if state := r.ended(t, injector.UploaderContainerName); state.ExitCode != 0 {
			t.Errorf("the sidecar ended with %+v", state)
		}
		want := map[string]string{}
		for i := range n {
			name := fmt.Sprintf("%024X", i)
			want["archive/"+name] = sum(strings.Repeat(name+"\n", segmentSize/len(name))[:segmentSize])
		}
		r.complete(t, want)
	}
}

// archiveState is what the script said last: how many segments it has written, and how many of them are in the spool.
func (r *uploadRun) archiveState(ctx context.Context, t *testing.T) (written, there int) {
	t.Helper()
	log, err := r.log(ctx, r.pod, "dump")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if _, err := fmt.Sscanf(lines[len(lines)-1], "%d written, %d there", &written, &there); err != nil {
		t.Fatalf("%v in:\n%s", err, log)
	}
	return written, there
}
