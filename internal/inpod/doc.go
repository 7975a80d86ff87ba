// Package inpod runs "uploader doctor" in a short pod of the cluster, under a profile and a service account, so that it
// sees what a backup would see.
//
// The pod goes through the real webhook twice: once as a dry run with the uploader asked for, which shows the sidecar that
// the webhook would add, with its image and settings; then for good, without the uploader (its preflight would end the pod
// before the doctor could speak), with a container that is that sidecar but runs the doctor.
package inpod
