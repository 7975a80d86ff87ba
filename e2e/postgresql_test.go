package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	uploads "lighterman.dev/lighterman/uploader/manifest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestPostgreSQLExamples runs the manifests of examples/postgresql-wal and examples/postgresql-dump: a database hands its
// log to the uploader as it runs and as it ends; it is dumped, and backed up; and from what is then in the store, by the
// examples' own restore.yaml, come back the dumped rows, and all rows until the database's end.
func TestPostgreSQLExamples(t *testing.T) {
	t.Parallel()
	e := setup(t)
	r := e.example(t, e.proofImage(t, "debian"))
	for _, file := range []string{
		"postgresql-wal/profile.yaml", "postgresql-wal/secret.yaml", "postgresql-wal/workload.yaml",
		"postgresql-dump/profile.yaml", "postgresql-dump/secret.yaml", "postgresql-dump/workload.yaml",
	} {
		r.apply(t, file, nil)
	}
	db := r.database(t, "orders-db")
	uid := db.uid(t)
	db.query("postgres", "create database orders")
	db.addRows("orders")
	db.addRows("postgres")

	dump, base := r.trigger(t, "orders-dump"), r.trigger(t, "orders-base")
	t.Log("a segment of the log arrives while the database runs")
	wal := path.Join("wal", r.namespace, "orders-db-0")
	db.addRows("postgres")
	segment := db.query("postgres", "select pg_walfile_name(pg_switch_wal())")
	want := db.exec("sha256sum", "/var/lib/postgresql/data/pg_wal/"+segment)
	if got := sha256Of(r.waitForObject(t, path.Join(wal, segment))); !strings.HasPrefix(want, got+" ") {
		t.Errorf("segment %s has the SHA-256 %s in the store, and %s in the database", segment, got, want)
	}

	t.Log("the dump is restored beside the database")
	r.apply(t, "postgresql-dump/restore.yaml", map[string]string{"DUMP": r.onlyFile(t, "dumps", r.succeeds(t, dump), "orders.dump")})
	r.succeeds(t, &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "orders-restore", Namespace: r.namespace}})
	if got, want := db.rows("orders_restored"), db.rows("orders"); got != want {
		t.Errorf("the dump holds %s, and the database %s", got, want)
	}

	t.Log("the database ends, and its last segment is in the store")
	from := path.Dir(r.onlyFile(t, "wal", r.succeeds(t, base), "base/base.tar.gz"))
	db.addRows("postgres")
	rows := db.rows("postgres")
	r.scaleDown(t, "orders-db")
	r.checkManifest(t, path.Join(wal, ".lighterman", uid, "manifest.json"))

	t.Log("it is recovered from the base backup and the log")
	r.apply(t, "postgresql-wal/restore.yaml", map[string]string{"BASE": from, "WAL": r.namespace + "/orders-db-0"})
	if got := r.database(t, "orders-recovered").rows("postgres"); got != rows {
		t.Errorf("the recovered database holds %s, and the lost one held %s", got, rows)
	}
}

// database is the pod of a StatefulSet with PostgreSQL.
type database struct {
	*exampleRun
	t   *testing.T
	pod string
}

// database waits until the StatefulSet's pod is ready.
func (r *exampleRun) database(t *testing.T, name string) *database {
	t.Helper()
	waitFor(t, "database "+name, 5*time.Minute, func(ctx context.Context) (bool, string) {
		var set appsv1.StatefulSet
		if err := r.client.Get(ctx, client.ObjectKey{Namespace: r.namespace, Name: name}, &set); err != nil {
			return false, err.Error()
		}
		return set.Status.ReadyReplicas == 1, r.describePods(ctx, r.namespace)
	})
	return &database{exampleRun: r, t: t, pod: name + "-0"}
}

func (d *database) uid(t *testing.T) string {
	t.Helper()
	pod, err := d.kube.CoreV1().Pods(d.namespace).Get(t.Context(), d.pod, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return string(pod.UID)
}

// query runs a statement and gives what it answers.
func (d *database) query(database, statement string) string {
	d.t.Helper()
	return d.exec("psql", "--username=postgres", "--no-align", "--tuples-only", "--quiet", "--command="+statement, database)
}

func (d *database) addRows(database string) {
	d.t.Helper()
	d.query(database, `create table if not exists rows (id bigserial, what text);
		insert into rows (what) select md5(random()::text) from generate_series(1, 20000)`)
}

// rows says how many there are, and what they hold.
func (d *database) rows(database string) string {
	d.t.Helper()
	return d.query(database, "select count(*) || ' rows with ' || md5(string_agg(id || what, ',' order by id)) from rows")
}

// exec runs a command in the pod, as kubectl exec does.
func (d *database) exec(command ...string) string {
	d.t.Helper()
	request := d.kube.CoreV1().RESTClient().Post().Resource("pods").Namespace(d.namespace).Name(d.pod).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: "postgres", Command: command, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(d.target.REST, "GET", request.URL().String())
	if err != nil {
		d.t.Fatal(err)
	}
	var out, problems bytes.Buffer
	if err := executor.StreamWithContext(d.t.Context(), remotecommand.StreamOptions{Stdout: &out, Stderr: &problems}); err != nil {
		d.t.Fatalf("%s: %v\n%s", command, err, problems.String())
	}
	return strings.TrimSpace(out.String())
}

// succeeds waits for the end of a Job, and gives its pod.
func (r *exampleRun) succeeds(t *testing.T, job *batchv1.Job) *corev1.Pod {
	t.Helper()
	if ok, log := r.endJob(t, job); !ok {
		t.Fatalf("Job %s failed:\n%s\n%s", job.Name, log, r.describePods(t.Context(), r.namespace))
	}
	pods, err := r.kube.CoreV1().Pods(r.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "job-name=" + job.Name})
	if err != nil || len(pods.Items) != 1 {
		t.Fatalf("%d pods of Job %s: %v", len(pods.Items), job.Name, err)
	}
	return &pods.Items[0]
}

// onlyFile gives the key below the prefix of a file that a pod's manifest names.
func (r *exampleRun) onlyFile(t *testing.T, prefix string, pod *corev1.Pod, file string) string {
	t.Helper()
	of := path.Join(prefix, r.namespace, pod.Name)
	for _, f := range r.checkManifest(t, path.Join(of, ".lighterman", string(pod.UID), "manifest.json")).Files {
		if f.Key == path.Join(of, file) {
			return strings.TrimPrefix(f.Key, prefix+"/")
		}
	}
	t.Fatalf("the manifest of pod %s does not name %s", pod.Name, file)
	return ""
}

// checkManifest compares every object that a final manifest names with it.
func (r *exampleRun) checkManifest(t *testing.T, key string) *uploads.Manifest {
	t.Helper()
	var m uploads.Manifest
	if err := json.Unmarshal([]byte(r.object(t, r.namespace, key)), &m); err != nil {
		t.Fatal(err)
	}
	if !m.Final || len(m.Files) == 0 {
		t.Errorf("the manifest %s: final %v, %d files", key, m.Final, len(m.Files))
	}
	for _, f := range m.Files {
		if got := sha256Of(r.object(t, r.namespace, f.Key)); got != f.SHA256 {
			t.Errorf("%s has the SHA-256 %s, and its manifest says %s", f.Key, got, f.SHA256)
		}
	}
	return &m
}

func (r *exampleRun) waitForObject(t *testing.T, key string) (text string) {
	t.Helper()
	waitFor(t, "object "+key, 2*time.Minute, func(ctx context.Context) (bool, string) {
		var err error
		text, err = r.store.Object(ctx, r.namespace, key)
		return err == nil, fmt.Sprint(err)
	})
	return text
}

// scaleDown ends the pod of a StatefulSet, and waits until it is gone.
func (r *exampleRun) scaleDown(t *testing.T, name string) {
	t.Helper()
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: r.namespace}}
	if err := r.client.Patch(t.Context(), set, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":0}}`))); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end of pod "+name+"-0", 5*time.Minute, func(ctx context.Context) (bool, string) {
		_, err := r.kube.CoreV1().Pods(r.namespace).Get(ctx, name+"-0", metav1.GetOptions{})
		return apierrors.IsNotFound(err), r.describePods(ctx, r.namespace)
	})
}

func sha256Of(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
