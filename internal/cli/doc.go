// Package cli holds what the programs "lighterman" and "uploader" have in common: how a command ends, with which message
// and exit code, and how it logs. The commands of each are in a package of their own below, so that the uploader, which
// runs in every backup pod, links nothing of Kubernetes.
package cli
