package injector

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestWorkload holds the names that {workload} stands for, by the metadata that controllers give their pods.
func TestWorkload(t *testing.T) {
	const plain, numbered = "Job, name: nightly", "Job, name: nightly-29384760"
	for metadata, want := range map[string]string{
		`{ownerReferences: [{apiVersion: batch/v1, kind: ` + numbered + `, controller: true}]}`:                                                            "nightly",
		`{ownerReferences: [{apiVersion: batch/v1, kind: ` + plain + `, controller: true}]}`:                                                               "nightly",
		`{ownerReferences: [{apiVersion: batch/v1, kind: ` + plain + `-20260131, controller: true}]}`:                                                      "nightly-20260131",
		`{ownerReferences: [{apiVersion: batch/v1, kind: ` + plain + `-1769817600, controller: true}]}`:                                                    "nightly-1769817600",
		`{ownerReferences: [{apiVersion: batch/v1, kind: ` + plain + `-+29384760, controller: true}]}`:                                                     "nightly-+29384760",
		`{ownerReferences: [{apiVersion: batch/v1, kind: ` + plain + `-029384760, controller: true}]}`:                                                     "nightly-029384760",
		`{ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: nightly-29384760}]}`:                                                               "nightly-29384760",
		`{ownerReferences: [{apiVersion: batch.example.com/v1, kind: ` + numbered + `}]}`:                                                                  "nightly-29384760",
		`{labels: {k8upjob: "true"}, ownerReferences: [{apiVersion: batch/v1, kind: ` + plain + `}]}`:                                                      "",
		`{name: db-0, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db}]}`:                                                              "db",
		`{ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: node-agent}]}`:                                                                    "node-agent",
		`{ownerReferences: [{apiVersion: v1, kind: ReplicationController, name: web}]}`:                                                                    "web",
		`{ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d4f8}]}`:                                                                    "web-5d4f8",
		`{labels: {pod-template-hash: 5d4f8}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d4f8}]}`:                                "web",
		`{labels: {pod-template-hash: other}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d4f8}]}`:                                "web-5d4f8",
		`{labels: {rollouts-pod-template-hash: 5d4f8}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d4f8}]}`:                       "web",
		`{ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Workflow, name: nightly-1769817600}]}`:                                                "nightly",
		`{ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Workflow, name: nightly-x7k2p}]}`:                                                     "",
		`{ownerReferences: [{apiVersion: tekton.dev/v1, kind: TaskRun, name: nightly-x7k2p}]}`:                                                             "",
		`{ownerReferences: [{apiVersion: postgresql.cnpg.io/v1, kind: Cluster, name: orders}]}`:                                                            "orders",
		`{ownerReferences: [{apiVersion: a/v1, kind: A, name: first}, {apiVersion: b/v1, kind: B, name: second, controller: true}]}`:                       "second",
		`{labels: {cnpg.io/cluster: orders}, ownerReferences: [{apiVersion: batch/v1, kind: Job, name: orders-1-initdb}]}`:                                 "orders",
		`{labels: {postgres-operator.crunchydata.com/cluster: orders}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: orders-00-x7k2}]}`: "orders",
		`{labels: {application: spilo, cluster-name: acid-orders}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: acid-orders}]}`:        "acid-orders",
		`{labels: {application: web, cluster-name: eu-1}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web}]}`:                         "web",
		`{labels: {app.kubernetes.io/managed-by: percona-xtradb-cluster-operator, app.kubernetes.io/instance: orders}, name: orders-pxc-0}`:                "orders",
		`{labels: {app.kubernetes.io/managed-by: percona-server-mongodb-operator, app.kubernetes.io/instance: orders}, name: orders-rs0-0}`:                "orders",
		`{labels: {app.kubernetes.io/managed-by: Helm, app.kubernetes.io/instance: release}, name: web-0}`:                                                 "web-0",
		`{labels: {strimzi.io/cluster: events}, ownerReferences: [{apiVersion: core.strimzi.io/v1beta2, kind: StrimziPodSet, name: events-pool-a}]}`:       "events",
		`{annotations: {lighterman.dev/workload: named}, labels: {cnpg.io/cluster: orders}}`:                                                               "named",
		`{name: orders}`:          "orders",
		`{generateName: orders-}`: "",
		// Restored without their owners.
		`{name: nightly-29384760-x7k2p, labels: {batch.kubernetes.io/job-name: nightly-29384760}}`: "nightly",
		`{name: web-5d4f8-x7k2p, labels: {pod-template-hash: 5d4f8}}`:                              "web",
		`{name: db-12, labels: {statefulset.kubernetes.io/pod-name: db-12}}`:                       "db",
	} {
		var m Metadata
		if err := yaml.UnmarshalStrict([]byte(metadata), &m); err != nil {
			t.Fatal(metadata, err)
		}
		got, err := workloadOf(&m)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v; want %q", metadata, got, err, want)
		}
	}
}

// TestPathSegments checks that nothing that a pod's author can choose leads out of the prefix.
func TestPathSegments(t *testing.T) {
	for _, value := range []string{
		"", ".", "..", "a..b", "../a", "a/b", "a/", "-a", "a.", "a b", "a\x00", "a\n", "$(HOME)", "{pod}", "ü", `a\b`, "a%2Fb",
		strings.Repeat("a", 254),
	} {
		if isPathSegment(value) {
			t.Errorf("%q is taken for a part of a path", value)
		}
	}
	for _, value := range []string{"a", "7", "orders-db", "orders.db", "Orders_DB", strings.Repeat("a", 253)} {
		if !isPathSegment(value) {
			t.Errorf("%q is not taken for a part of a path", value)
		}
	}
}
