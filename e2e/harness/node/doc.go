// Package node is the inside of a local cluster: the first process of the node's own namespaces.
//
// It lays out the mounts and the network, starts the control plane, the container runtime and the kubelet, forwards
// connections to the API server, and reaps. The cluster is exactly the processes of this namespace: when process 1
// ends, for whatever reason, the kernel ends all others and drops the mounts and the network with them. So it ends as
// soon as one component does, and nothing has to be cleaned up process by process.
package node
