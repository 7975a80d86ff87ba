package injector

import (
	"testing"

	"sigs.k8s.io/yaml"

	"lighterman.dev/lighterman/uploader"
)

// TestSeries holds the names of the series that pods belong to, by the metadata that controllers give them.
func TestSeries(t *testing.T) {
	for metadata, want := range map[string]string{
		`{ownerReferences: [{apiVersion: batch/v1, kind: Job, name: nightly-29384760, controller: true}]}`:                                            "nightly",
		`{generateName: a-, ownerReferences: [{apiVersion: batch/v1, kind: Job, name: once, controller: true}]}`:                                      "once",
		`{name: db-0, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, controller: true}]}`:                                       "db-0",
		`{ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, controller: true}]}`:                                                   uploader.PodPlaceholder,
		`{name: db-0, labels: {statefulset.kubernetes.io/pod-name: db-0}}`:                                                                            "db-0",
		`{name: db-1, labels: {cnpg.io/cluster: orders}}`:                                                                                             "orders",
		`{name: db-0, annotations: {lighterman.dev/workload: orders}, labels: {statefulset.kubernetes.io/pod-name: db-0}}`:                            "orders",
		`{annotations: {lighterman.dev/workload: orders}, ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db}]}`:                     "orders",
		`{labels: {batch.kubernetes.io/job-completion-index: "3"}, ownerReferences: [{apiVersion: batch/v1, kind: Job, name: shards}]}`:               "shards.3",
		`{annotations: {batch.kubernetes.io/job-completion-index: "3"}, ownerReferences: [{apiVersion: batch/v1, kind: Job, name: shards-29384760}]}`: "shards.3",
		`{labels: {pod-template-hash: 5d4f8}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d4f8}]}`:                           "web",
		`{name: dump}`:           "dump",
		`{generateName: dump-}`:  "dump",
		`{generateName: dump.-}`: "dump",
		`{}`:                     "",
		`{generateName: run-x7k2p-, ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Workflow, name: run-x7k2p}]}`: "run-x7k2p",
		`{name: a, annotations: {lighterman.dev/series: payments.orders, lighterman.dev/workload: b}}`:                       "payments.orders",
		// A name that cannot be a series is shortened, and made one by its hash.
		`{name: Orders}`: "orders-b7e8acdd522e",
		`{name: a123456789-123456789-123456789-123456789-123456789-123456789-1234}`: "a123456789-123456789-123456789-123456789-123456789-0183532fdb84",
		// An annotation that cannot name a series is denied.
		`{name: a, annotations: {lighterman.dev/series: a/b}}`:     "!",
		`{name: a, annotations: {lighterman.dev/series: ""}}`:      "!",
		`{name: a, annotations: {lighterman.dev/series: "{pod}"}}`: "!",
		`{name: a, annotations: {lighterman.dev/workload: a/b}}`:   "!",
	} {
		var m Metadata
		if err := yaml.UnmarshalStrict([]byte(metadata), &m); err != nil {
			t.Fatal(metadata, err)
		}
		var u uploadRequest
		if err := u.setSeries(&m); (err != nil) != (want == "!") || (err == nil && u.series != want) {
			t.Errorf("%s: got %q, %v; want %q", metadata, u.series, err, want)
		}
	}
}
