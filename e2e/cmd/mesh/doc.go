// Mesh stands for the sidecar injectors of service meshes: an admission webhook that puts its own container in front of
// the others of a pod, after Lighterman has seen the pod.
package main
