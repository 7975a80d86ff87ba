// Cluster runs the local test cluster. See package cluster.
package main
