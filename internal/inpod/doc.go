// Package inpod runs "uploader doctor" in a short pod of the cluster, under a profile and a service account, so that it
// sees what a backup would see.
//
// The pod goes through the real webhook twice. A dry run requests the uploader, and its result has the sidecar that the
// webhook would add, with image and settings. The pod that then runs has no uploader, because a failed preflight would end it
// before the doctor could report; its container is a copy of that sidecar that runs the doctor.
package inpod
