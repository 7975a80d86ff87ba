// Package image makes container images out of static programs, without a container engine.
//
// An image holds the programs, a user database with one unprivileged user and nothing else: no shell, no libraries. The same programs give
// the same digest, whenever and wherever it is built. An image goes to the local cluster as an archive (Write, then the
// cluster's Load) and to any other through a registry (Push).
package image
