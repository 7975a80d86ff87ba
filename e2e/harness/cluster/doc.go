// Package cluster runs a one-node Kubernetes cluster on a Linux machine, as root, without a container engine or a registry.
//
// The cluster is real: API server, etcd, controller manager, scheduler, kubelet, containerd, runc, CNI, kube-proxy and CoreDNS, each
// built from a pinned Go module (package tools). All of it lives in namespaces of its own (package node): no interface,
// route, sysctl, mount or port of the machine changes, apart from one listener on loopback that leads to the API server. So
// several clusters run side by side, and Down leaves nothing behind.
//
// A cluster lives in <cache>/clusters/<name>: node.json (what it was started with), node.pid, kubeconfig, logs/, pki/ and the
// components' data.
//
// Differences from a cluster of production: no network policy is enforced, nothing outside the node can be reached, the database
// is not synced to disk, and images come only from Load.
package cluster
