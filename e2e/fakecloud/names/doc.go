// Package names lists the host names of the public clouds that are served in the cluster, and which service has each.
package names
