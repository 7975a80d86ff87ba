// Package cgroup gives a local cluster its own corner of the machine's control groups, on version 1 and on version 2.
//
// Version 1: the kubelet's root is a directory of the cluster's name in each controller's hierarchy, and the kubelet is told
// that name. Version 2: the node's first process is started in a group of the cluster's name, makes that group the root of
// a cgroup namespace of its own (Enter) and delegates the controllers below it, so that the kubelet and runc see a machine
// of their own. No process that the cluster did not start is ever moved.
package cgroup
