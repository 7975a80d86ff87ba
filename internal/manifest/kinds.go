package manifest

import "k8s.io/apimachinery/pkg/runtime/schema"

// templates maps the kinds that make pods to the path of their pod template; a Pod is one itself. No version of an API has
// moved the template.
var templates = map[schema.GroupKind][]string{
	{Kind: "Pod"}:                        {},
	{Kind: "ReplicationController"}:      {"spec", "template"},
	{Group: "apps", Kind: "DaemonSet"}:   {"spec", "template"},
	{Group: "apps", Kind: "Deployment"}:  {"spec", "template"},
	{Group: "apps", Kind: "ReplicaSet"}:  {"spec", "template"},
	{Group: "apps", Kind: "StatefulSet"}: {"spec", "template"},
	{Group: "batch", Kind: "CronJob"}:    {"spec", "jobTemplate", "spec", "template"},
	{Group: "batch", Kind: "Job"}:        {"spec", "template"},
}

// TemplatePath returns the fields that lead to the pod template of an object of a kind; none for a Pod, which is its own.
// ok reports whether objects of the kind make pods.
func TemplatePath(apiVersion, kind string) (path []string, ok bool) {
	path, ok = templates[schema.FromAPIVersionAndKind(apiVersion, kind).GroupKind()]
	return path, ok
}
