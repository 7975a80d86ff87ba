// Package fakecluster holds a cluster's profiles, namespaces and service accounts as values, for tests of what reads them.
package fakecluster
