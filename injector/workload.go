package injector

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"lighterman.dev/lighterman/internal/message"
)

// errNoWorkload is why {workload} stands for nothing in a pod, as a part of a sentence.
type errNoWorkload string

func (e errNoWorkload) Error() string { return string(e) }

// setWorkload is the cure where {workload} stands for nothing.
const setWorkload = "set annotation " + AnnotationWorkload + " of the pod to a name that stays the same in every run"

// operatorLabels are the labels by which operators name, in all pods of one database or cluster, what the pods belong to. They
// come before the owner, which may be a part of it: one of several StatefulSets, or the Job of one backup.
var operatorLabels = [...]struct {
	// key is the label that has the name.
	key string
	// with is a label that the pod must have with the value.
	with, value string
}{
	// CloudNativePG 1.30 (a95a534d) pkg/utils/labels_annotations.go: instances, which the Cluster owns, and the Jobs beside them.
	{key: "cnpg.io/cluster"},
	// Crunchy's operator 6.0 (0fbac306) and Percona's 3.0 (adafb34f) internal/naming/labels.go: a StatefulSet for each instance, with
	// a random name, the repository's host, and the Jobs of backups.
	{key: "postgres-operator.crunchydata.com/cluster"},
	// Zalando's operator (a7aaad0a) pkg/cluster/util.go labelsSet, with the default names of its configuration.
	{key: "cluster-name", with: "application", value: "spilo"},
	// Percona's operators for XtraDB Cluster 1.19 (b3b0b10a) and MongoDB 1.22 (b15af500), pkg/naming/labels.go.
	{key: labelInstance, with: labelManagedBy, value: "percona-xtradb-cluster-operator"},
	{key: labelInstance, with: labelManagedBy, value: "percona-server-mongodb-operator"},
	// Strimzi 1.2 (8541da1e) api/src/main/java/io/strimzi/api/ResourceLabels.java: StrimziPodSets, a set for each pool of nodes.
	{key: "strimzi.io/cluster"},
}

const (
	labelInstance  = "app.kubernetes.io/instance"
	labelManagedBy = "app.kubernetes.io/managed-by"
)

// owners are the kinds of owners whose own name differs from the workload's. An owner of any other kind is the workload itself.
var owners = [...]struct {
	group, kind string
	// label is one that the pods of the owner have; empty: the row is for all pods of the kind.
	label string
	// workload returns the name that stays; empty: there is none, for the owner has another name in each run.
	workload func(owner string, labels map[string]string) string
}{
	// K8up (80a2ae8c) operator/schedulecontroller/handler.go generateName: the name of each run ends in random letters.
	{group: "batch", kind: "Job", label: "k8upjob", workload: noWorkload},
	{group: "batch", kind: "Job", workload: cronJobOf},
	{group: "apps", kind: "ReplicaSet", workload: deploymentOf},
	// Argo Workflows 4.1 (f016ad89) workflow/cron/operator.go getChildWorkflowName.
	{group: "argoproj.io", kind: "Workflow", workload: cronWorkflowOf},
	// Tekton (pkg/pod/pod.go): a TaskRun is a run.
	{group: "tekton.dev", kind: "TaskRun", workload: noWorkload},
}

func noWorkload(string, map[string]string) string { return "" }

// The minutes since 1970 that the controller of CronJobs appends to the names of its Jobs (k8s.io/kubernetes v1.37.1
// pkg/controller/cronjob/cronjob_controllerv2.go getJobName). The bounds, of 2019 and 2160, keep a date, 20260131, apart.
const (
	minMinutes = 26_000_000
	maxMinutes = 99_999_999
)

// cronJobOf returns the name of the CronJob that made a Job, or that of a Job that stands alone.
func cronJobOf(job string, _ map[string]string) string {
	name, minutes := cutNumber(job)
	if minutes < minMinutes || minutes > maxMinutes {
		return job
	}
	return name
}

// The seconds since 1970 at the end of the names of workflows that a CronWorkflow made, of 2020 to 2286.
const (
	minSeconds = 1_577_836_800
	maxSeconds = 9_999_999_999
)

// cronWorkflowOf returns the name of the CronWorkflow that made a Workflow; empty: none made it.
func cronWorkflowOf(workflow string, _ map[string]string) string {
	name, seconds := cutNumber(workflow)
	if seconds < minSeconds || seconds > maxSeconds {
		return ""
	}
	return name
}

// cutNumber returns what stands before the last dash, and the number behind it; zero: there is no such number.
func cutNumber(text string) (before string, number int64) {
	at := strings.LastIndexByte(text, '-')
	if at < 1 {
		return text, 0
	}
	number, err := strconv.ParseInt(text[at+1:], 10, 64)
	if err != nil || text[at+1] == '0' || text[at+1] == '+' {
		return text, 0
	}
	return text[:at], number
}

// templateHashes are the labels with the hash that the controllers of Deployments (k8s.io/kubernetes v1.37.1
// pkg/controller/deployment/sync.go generateReplicaSetName) and of Argo's Rollouts (9f8d111d rollout/sync.go) append to the names
// of their ReplicaSets.
var templateHashes = [...]string{"pod-template-hash", "rollouts-pod-template-hash"}

// deploymentOf returns the name of the Deployment that made a ReplicaSet, or that of a ReplicaSet that stands alone.
func deploymentOf(replicaSet string, labels map[string]string) string {
	for _, label := range templateHashes {
		if hash := labels[label]; hash != "" {
			if name, cut := strings.CutSuffix(replicaSet, "-"+hash); cut {
				return name
			}
		}
	}
	return replicaSet
}

// workloadOf returns the stable name of what the pod belongs to: that of its annotation, an operator's label or its owner, or
// its own.
func workloadOf(m *Metadata) (string, error) {
	if name, set := m.Annotations[AnnotationWorkload]; set {
		if !isPathSegment(name) {
			return "", Deny(ReasonInvalidAnnotation, fmt.Sprintf(
				"annotation %s is %s: write at most %d letters, digits, dashes, underscores and single dots, with a letter or a digit at either end",
				AnnotationWorkload, message.Quote(name), maxSegment))
		}
		return name, nil
	}
	for i := range operatorLabels {
		row := &operatorLabels[i]
		if name := m.Labels[row.key]; name != "" && (row.with == "" || m.Labels[row.with] == row.value) {
			return name, nil
		}
	}
	if owner := controllerOf(m); owner != nil {
		return ownedWorkload(owner, m.Labels)
	}
	return unownedWorkload(m)
}

// unownedWorkload returns the stable name of a pod that has lost its owner, because it was restored or copied, or its own name.
// The labels are those of Kubernetes' controllers (k8s.io/api v0.37.1 batch/v1 JobNameLabel, apps/v1 StatefulSetPodNameLabel).
func unownedWorkload(m *Metadata) (string, error) {
	if job := m.Labels["batch.kubernetes.io/job-name"]; job != "" {
		return cronJobOf(job, nil), nil
	}
	for _, label := range templateHashes {
		if hash := m.Labels[label]; hash != "" {
			if name, _, cut := strings.Cut(m.Name, "-"+hash+"-"); cut {
				return name, nil
			}
		}
	}
	if at := strings.LastIndexByte(m.Name, '-'); at > 0 && m.Labels["statefulset.kubernetes.io/pod-name"] == m.Name {
		return m.Name[:at], nil
	}
	if m.Name == "" {
		return "", errNoWorkload("nothing owns the pod, whose name is made up when it is created")
	}
	return m.Name, nil
}

// controllerOf returns the owner that made the pod; nil: there is none.
func controllerOf(m *Metadata) *OwnerReference {
	for i := range m.OwnerReferences {
		if controller := m.OwnerReferences[i].Controller; controller != nil && *controller {
			return &m.OwnerReferences[i]
		}
	}
	if len(m.OwnerReferences) > 0 {
		return &m.OwnerReferences[0]
	}
	return nil
}

// ownedWorkload returns the stable name of the owner, or of what has made it.
func ownedWorkload(owner *OwnerReference, labels map[string]string) (string, error) {
	group, _, _ := strings.Cut(owner.APIVersion, "/")
	name := owner.Name
	for i := range owners {
		row := &owners[i]
		if _, labelled := labels[row.label]; row.group == group && row.kind == owner.Kind && (row.label == "" || labelled) {
			name = row.workload(owner.Name, labels)
			break
		}
	}
	if name == "" {
		return "", errNoWorkload(fmt.Sprintf("the pod belongs to %s %s, whose name is another one in each run",
			message.Value(owner.Kind), message.Quote(owner.Name)))
	}
	return name, nil
}

// maxSegment is the length of the longest name of an object.
const maxSegment = 253

var isSegment = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)

// isPathSegment reports whether a value can stand in a path: whoever writes the pod chooses it, and the API server checks names
// and labels only after the webhooks.
func isPathSegment(value string) bool {
	return len(value) <= maxSegment && isSegment.MatchString(value) && !strings.Contains(value, "..")
}
